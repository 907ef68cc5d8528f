"""Temporary folders: private, removed at their end, swept after a kill, and nothing else is ever removed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from study.machine.temporary import sweep, temporary_folder

HOLD = """
import sys
from pathlib import Path
from typing import Any
from study.machine.temporary import temporary_folder
with temporary_folder("trial", Path(sys.argv[1])) as path:
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def leftover(tmp_path: Path) -> Path:
    """A folder as a killed process leaves it."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    path = Path(holder.stdout.readline().strip())
    sweep(tmp_path)
    assert path.is_dir()  # while its process lives, it stays
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    return path


def test_a_folder_is_private_and_removed_at_its_end(tmp_path: Path) -> None:
    with temporary_folder("trial", tmp_path) as path:
        (path / "checkpoint.pt").touch()
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        sweep(tmp_path)
        assert path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(leftover: Path, tmp_path: Path) -> None:
    with temporary_folder("ray", tmp_path) as path:
        assert list(tmp_path.iterdir()) == [path]


def test_folders_of_others_links_and_other_names_stay(
    leftover: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tmp_path / "mine-trial-x"
    leftover.rename(others)
    link = tmp_path / "fadeout-trial-link"
    link.symlink_to(others)
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([others, link])
    others.rename(leftover)
    monkeypatch.setattr(os, "getuid", lambda: leftover.stat().st_uid + 1)
    sweep(tmp_path)
    assert leftover.is_dir()


def test_what_a_dying_process_writes_after_the_sweep_is_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "fadeout-ray-abc" / "logs").mkdir(parents=True)
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_that_another_study_sweeps_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, mkdtemp = [], tempfile.mkdtemp

    def make(**place: Any) -> str:
        made.append(mkdtemp(**place))
        if len(made) == 1:
            sweep(tmp_path)  # before the folder has its lock
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    with temporary_folder("trial", tmp_path) as path:
        assert [str(path)] == made[1:]
        sweep(tmp_path)
        assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_which_a_process_still_writes_is_removed(tmp_path: Path) -> None:
    ended = threading.Event()

    def write(path: Path) -> None:
        for number in range(300):
            with suppress(FileNotFoundError):
                (path / "logs").mkdir(exist_ok=True)
                (path / "logs" / f"{number}").touch()
        ended.set()

    with temporary_folder("ray", tmp_path) as path:
        threading.Thread(target=write, args=(path,)).start()
    assert ended.wait(10)
    assert list(tmp_path.iterdir()) == []
