"""A real study in a terminal, looked at and stopped from another one."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from killing import LIMIT_S, ROOT, wait_until

from study.records import StudyFolder

pytestmark = pytest.mark.slow

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "TERM": "xterm",
    "COLUMNS": "110",
}


class Terminal:
    """A terminal of 30 lines and 110 columns, and the process in it."""

    def __init__(self, arguments: list[str]) -> None:
        inside, outside = pty.openpty()[::-1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=ENVIRONMENT | {"LINES": "30"},
        )
        os.close(inside)
        self._outside = outside
        self._written = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def shown(self) -> str:
        """All that was ever shown."""
        return CONTROL.sub("", self._written.decode(errors="replace"))

    def close(self) -> None:
        """End the process, if it runs still."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._outside)

    def _read(self) -> None:
        while True:
            try:
                self._written += os.read(self._outside, 65536)
            except OSError:  # nobody holds the other end
                return


@contextmanager
def terminal(arguments: list[str]) -> Iterator[Terminal]:
    opened = Terminal(arguments)
    try:
        yield opened
    finally:
        opened.close()


def ask(command: str, folder: StudyFolder, *more: str) -> str:
    """What a command prints about the study."""
    ended = subprocess.run(
        [sys.executable, "-m", command, "study.name=s", f"study.root={folder.path.parent}", *more],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("command", ["study.run", "study.train"])
def test_a_study_is_followed_and_stopped_from_another_terminal(
    command: str, hospitals: list[dict[str, str]], arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    folder = StudyFolder(tmp_path / "studies", "s")
    settings = arguments(hospitals, "study.name=s", "trainer.epochs=5000", "study.concurrency=1")

    def running() -> list[dict[str, Any]]:
        """The running trials, once one has an epoch and a speed."""
        if not folder.config.exists:
            return []
        trials = json.loads(ask("study.status", folder, "format=json"))["running"]
        return [trial for trial in trials if trial["epoch_s"]]

    with terminal([command, *settings]) as first:
        wait_until(lambda: bool(running()) or first.process.poll() is not None)
        assert first.process.poll() is None, first.shown()
        found = json.loads(ask("study.status", folder, "format=json"))
        assert (found["driver"]["state"], found["driver"]["process"]) == ("running", first.process.pid)
        assert found["running"][0]["epochs"] == 5000
        assert found["left"]["seconds"] > 0
        wait_until(lambda: bool(re.search(r"\d+/5000 ", first.shown())))
        assert "preparing subjects" in first.shown()
        assert "trials ended" in first.shown()
        assert "stopped; continue with the study's command" in ask("study.stop", folder)
        assert first.process.wait(LIMIT_S) == 143
        assert "interrupted; " in first.shown()[-200:]
    after = json.loads(ask("study.status", folder, "format=json"))
    assert (after["driver"], after["running"], after["trials"]["interrupted"]) == (None, [], 1)
    log = folder.log.path.read_text()
    assert "ERROR interrupted; " in log.splitlines()[-1]
    assert not any(row["subject"] in log for row in hospitals)
