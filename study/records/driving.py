"""Who drives a study: the process that holds the lock of its folder, as it has noted itself there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from study.errors import StudyError
from study.machine.identity import ProcessIdentity
from study.records import losses
from study.records.files import Record, RecordFile
from study.records.locks import held, is_held, refuse_held


class Driver(Record):
    """The content of `driver.json`: the process that drives the study, or that did so last.

    Attributes:
        host: name of its machine.
        place: where the number of the process means something; see `study.machine.identity`.
        process: number of the process.
        started: when the process started, in the words of its system.
        since_ms: when it began to drive, in milliseconds since 1970, by the clock of the folder's files.
        trials: that are wanted in all; None before the search has begun, and after it.
        machines: host names of the cluster that take part; empty without a cluster.
        ended_ms: when it ended; None while it drives, and if it was killed.
    """

    host: str
    place: str
    process: int
    started: str
    since_ms: int
    trials: int | None = None
    machines: tuple[str, ...] = ()
    ended_ms: int | None = None

    @property
    def identity(self) -> ProcessIdentity:
        """The process."""
        return ProcessIdentity(self.host, self.place, self.process, self.started)


class Driving(NamedTuple):
    """A process that drives a study, or may do so.

    Attributes:
        state: running; starting: it has not noted yet who it is; unknown: the note is another machine's, whose lock
            is not visible here, and nothing says that it has ended.
        driver: the note; None while it starts.
    """

    state: Literal["running", "starting", "unknown"]
    driver: Driver | None


class DriverFiles:
    """The lock of a study's folder, and the note of the process that holds it.

    Attributes:
        note: who drives, or did so last.
    """

    def __init__(self, lock: Path, note: Path) -> None:
        self._lock = lock
        self.note: RecordFile[Driver] = RecordFile(note, Driver, losses.DRIVER)
        self._since_ms = 0

    @contextmanager
    def driven(self, what: str, remedy: str) -> Iterator[None]:
        """Hold the lock, and note this process; arguments and exceptions are those of `held`."""
        with held(self._lock, what, remedy):
            os.utime(self._lock)
            self._since_ms = self._lock.stat().st_mtime_ns // 1_000_000
            self._begin()
            try:
                yield
            finally:
                self.change(ended_ms=int(time.time() * 1000))

    def refuse(self, what: str, remedy: str) -> None:
        """Raise the error of `driven` if another process holds the lock."""
        refuse_held(self._lock, what, remedy)

    def confirm(self, trials: int | None) -> None:
        """Note that this process is the only driver, on whatever machine, and how many trials are wanted in all.

        Args:
            trials: None if none of the study's own are run.
        """
        self._write(trials)

    def change(self, **values: object) -> None:
        """Change the note of this process; nothing if another one has noted itself meanwhile."""
        known = self._known()
        if known is not None and known.identity == ProcessIdentity.own():
            self.note.write(known.model_copy(update=values))

    def driving(self) -> Driving | None:
        """The process that drives the study now; None if there is none."""
        held_here, driver = is_held(self._lock), self.note.read_if_there()
        at_work = driver is not None and driver.ended_ms is None
        if held_here:
            known = driver if at_work and driver and _may_hold(driver.identity) else None
            return Driving("running" if known else "starting", known)
        if driver and at_work and driver.host != ProcessIdentity.own().host:
            return Driving("unknown", driver)
        return None

    def _begin(self) -> None:
        """Note this process, unless one of another machine has noted itself, which may be at work still."""
        known = self._known()
        if known is None or known.ended_ms is not None or known.host == ProcessIdentity.own().host:
            self._write(None)

    def _write(self, trials: int | None) -> None:
        host, place, process, started = ProcessIdentity.own()
        self.note.write(
            Driver(
                host=host,
                place=place,
                process=process,
                started=started,
                since_ms=self._since_ms,
                trials=trials,
            )
        )

    def _known(self) -> Driver | None:
        """The note; None if there is none, or a damaged one, which the next one replaces."""
        try:
            return self.note.read_if_there()
        except StudyError:
            return None


def _may_hold(process: ProcessIdentity) -> bool:
    """Whether a process may be the one that holds a lock: it lives, or is on a machine that cannot be asked."""
    return process.is_alive or not process.is_here
