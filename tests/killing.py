"""What tests need that kill real processes: who is alive, and waiting for a condition."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_S = 300
MARK = "FADEOUT_TEST_MARK"


@dataclass(frozen=True)
class Marked:
    """A process that was started with a mark in its environment, which all that it starts inherit."""

    process: subprocess.Popen[str]
    mark: str

    @classmethod
    def start(cls, arguments: Sequence[str], **environment: str) -> Marked:
        """Run Python with these arguments, the project and this folder on its path."""
        mark = uuid.uuid4().hex
        path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        variables = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", MARK: mark, **environment}
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return cls(process, mark)

    def __enter__(self) -> Marked:
        return self

    def __exit__(self, *exception: object) -> None:
        """Leave nothing behind, whatever a test has found."""
        for number in _with(self.mark):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.communicate()

    def others(self) -> list[int]:
        """Living processes with the mark, without the first one. A zombie is not alive."""
        return [number for number in _with(self.mark) if number != self.process.pid]

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds while the process lives."""
        wait_until(lambda: condition() or self.process.poll() is not None)
        assert self.process.poll() is None, self.process.communicate()[1]

    def end(self) -> tuple[str, str]:
        """Wait for the end of the process and of all that it started; what was written to stdout and stderr."""
        said = self.process.communicate(timeout=LIMIT_S)
        wait_until(lambda: not self.others())
        return said


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, LIMIT_S at most."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _with(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0")
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended, or belongs to another user
            continue
        if marked and state != "Z":
            found.append(int(folder.name))
    return found
