"""Which process is meant: its number alone is not enough, since numbers are used again."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


class ProcessIdentity(NamedTuple):
    """A process, as it is told from all others.

    Attributes:
        host: name of its machine, for the user.
        place: where its number means something: this start of the machine, and the container.
        number: of the process.
        started: when it started, in the system's own words; "" if the system does not tell.
    """

    host: str
    place: str
    number: int
    started: str

    @classmethod
    def own(cls) -> ProcessIdentity:
        """The identity of this process."""
        return cls(platform.node(), _place(), os.getpid(), _started(os.getpid()))

    @property
    def is_here(self) -> bool:
        """Whether its number means something to this process."""
        return self.place == _place()

    @property
    def is_alive(self) -> bool:
        """Whether it runs, as far as can be seen from here; False for a process elsewhere."""
        return self.is_here and self.started != "" and _started(self.number) == self.started

    def ask_to_end(self) -> None:
        """Send SIGTERM to exactly this process.

        Raises:
            ProcessLookupError: it does not run here.
            PermissionError: it belongs to another user.
        """
        with _pinned(self.number) as pinned:
            if not self.is_alive:
                raise ProcessLookupError(self.number)
            if pinned is None:
                os.kill(self.number, signal.SIGTERM)
            else:
                signal.pidfd_send_signal(pinned, signal.SIGTERM)


@contextmanager
def _pinned(number: int) -> Iterator[int | None]:
    """A handle of the process with this number, which never stands for another one; None if the system has none."""
    try:
        handle = os.pidfd_open(number)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):  # another system, or a kernel before 5.3
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _place() -> str:
    if BOOT_ID.is_file():
        return f"{BOOT_ID.read_text().strip()}/{_NAMESPACE.readlink()}"
    return platform.node()


def _started(number: int) -> str:
    """When a process started; "" if there is none with this number, or if it has ended."""
    if BOOT_ID.is_file():
        try:
            state, *fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return fields[18] if state != "Z" else ""
    listed = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(number)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()
