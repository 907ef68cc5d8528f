"""Processes of a pool, really killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from killing import Marked

from study.errors import FadeoutError
from study.machine import processes
from study.machine.processes import map_processes

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[Marked]:
    """A process of which two others are in the middle of an item each; they have written their numbers to files."""
    with Marked.start([str(HERE / "endless.py"), str(tmp_path)]) as process:
        process.wait_for(lambda: len([path for path in tmp_path.iterdir() if path.read_text()]) == 2)
        yield process


def killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def negative(number: int) -> int:
    return -number


def test_no_process_outlives_one_that_is_killed(marked: Marked, tmp_path: Path) -> None:
    working = {int(path.read_text()) for path in tmp_path.iterdir()}
    assert working <= set(marked.others())
    marked.process.kill()
    marked.end()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 138)]
)
def test_a_signal_ends_all_in_the_middle_of_their_items_with_one_line(
    marked: Marked, number: signal.Signals, code: int
) -> None:
    marked.process.send_signal(number)
    assert marked.end() == ("", "interrupted\n")
    assert marked.process.returncode == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_the_whole_group_is_told_once(marked: Marked, number: signal.Signals, code: int) -> None:
    os.killpg(marked.process.pid, number)
    assert marked.end() == ("", "interrupted\n")
    assert marked.process.returncode == code


def test_a_worker_that_dies_is_told_and_the_others_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "available_cpus", lambda: 2)
    with pytest.raises(FadeoutError, match="one of 2 processes died"):
        map_processes(killed, range(4))


def test_results_are_in_the_order_of_the_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "available_cpus", lambda: 2)
    assert map_processes(negative, range(5)) == [0, -1, -2, -3, -4]


def test_a_script_without_its_guard_is_told_what_it_lacks(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "from study.machine import processes\n"
        "processes.available_cpus = lambda: 2\n"
        "print(processes.map_processes(abs, [-1, -2, -3]))\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert found.returncode == 1
    last = found.stderr.rstrip().splitlines()[-1]
    assert 'mine.py calls Fadeout outside of a block `if __name__ == "__main__":`' in last
