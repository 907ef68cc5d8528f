"""The driver's side of the desk: the only writer of the study's folder."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from study.errors import TransferError
from study.machine.background import background
from study.machine.transfer import Part, Receiver, batches
from study.records import StudyFolder
from study.records.travelling import coming_home, going_out
from study.tuning.desk import INLINE_BYTES, fetched, stored
from study.tuning.messages import (
    Answer,
    Deliver,
    Failure,
    Fetch,
    Holds,
    Hurried,
    Message,
    Refused,
    Remarks,
    Report,
    Superseded,
    Where,
)
from study.tuning.watch import RayDiedError

logger = logging.getLogger(__name__)

Judge = Callable[[int, Report], bool]


@dataclass
class Attempt:
    """One process or group that runs a trial.

    Attributes:
        number: of the trial.
        token: by which its messages are known.
        receiver: assembles its files.
        sending: what its processes are reading, by reader.
        nodes: the machines of its processes, by Ray's identities.
        failure: why it failed.
        placement_group: that its workers hold.
        hurried: it has delivered all it has, since the driver asked last.
    """

    number: int
    token: str
    receiver: Receiver
    sending: dict[str, Iterator[tuple[Part, ...]]] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)
    failure: Failure | None = None
    placement_group: str | None = None
    hurried: bool = False


class Home:
    """Hands out what trials start from, takes in what they bring, and tells them whether to stop.

    Args:
        folder: of the study.
        judge: stores a report of a trial, and decides whether the trial should stop.
        changed: callback for a trial with new files.
        cache_for: returns where the prepared subjects are on a machine.
        may_write: raises an error if this driver has been replaced by another.
    """

    def __init__(
        self,
        folder: StudyFolder,
        judge: Judge,
        changed: Callable[[int], None],
        cache_for: Callable[[str], Any],
        may_write: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._judge = judge
        self._changed = changed
        self._cache_for, self._may_write = cache_for, may_write
        self._attempts: dict[int, Attempt] = {}
        self._lock = threading.RLock()

    def expect(self, number: int) -> str:
        """Begin an attempt at a trial, which replaces any earlier one; returns its token."""
        with self._lock:
            trial = self._folder.trial(number)
            receiver = coming_home(trial)
            receiver.forget_unfinished()
            if not trial.result.exists:
                trial.forget_kept()
            attempt = self._attempts[number] = Attempt(number, uuid.uuid4().hex, receiver)
            return attempt.token

    def release(self, number: int) -> Attempt:
        """End the attempt at a trial: nothing more is taken from it."""
        with self._lock:
            attempt = self._attempts.pop(number)
            attempt.receiver.forget_unfinished()
            return attempt

    def at_the_door(self) -> set[int]:
        """Trials whose attempts have not said a word yet: they wait for their resources."""
        with self._lock:
            return {number for number, attempt in self._attempts.items() if not attempt.nodes}

    @property
    def waiting_for(self) -> list[int]:
        """Trials that have not delivered yet what the driver asked for last."""
        with self._lock:
            attempts = self._attempts.values()
            return [attempt.number for attempt in attempts if attempt.nodes and not attempt.hurried]

    def ask_all(self) -> None:
        """Note that all trials are asked to deliver what they have."""
        with self._lock:
            for attempt in self._attempts.values():
                attempt.hurried = False

    def handle(self, message: Message) -> Answer:
        """Do what a message asks, and return the answer."""
        with self._lock:
            attempt = self._attempts.get(message.number)
            if attempt is None or attempt.token != message.attempt:
                return Superseded()
            try:
                return self._do(attempt, message)
            except TransferError as error:
                return Refused(str(error))
            except OSError as error:
                logger.error("trial %d: cannot be stored: %s", message.number, error.strerror or error)
                return Refused(error.strerror or type(error).__name__, error.errno or 0)

    def _do(self, attempt: Attempt, message: Message) -> Answer:
        match message.content:
            case Where(node):
                return self._cache_for(node)
            case Fetch(reader, node):
                attempt.nodes.add(node)
                return self._next_parts(attempt, reader)
            case Deliver(parts):
                self._may_write()
                arrived = [attempt.receiver.take(part) for part in fetched(parts)]
                if any(arrived):
                    self._changed(attempt.number)
            case Report() as report:
                return self._judge(attempt.number, report)
            case Failure() as failure:
                attempt.failure = failure
                if failure.traceback:
                    logger.info("trial %d: an attempt has failed\n%s", attempt.number, failure.traceback)
            case Remarks(lines):
                for line in lines:
                    logger.warning("trial %d: %s", attempt.number, line)
            case Holds(placement_group):
                attempt.placement_group = placement_group
            case Hurried():
                attempt.hurried = True
        return None

    def _next_parts(self, attempt: Attempt, reader: str) -> tuple[Part, ...]:
        """The next parts for one process; none after the last."""
        if reader not in attempt.sending:
            trial = self._folder.trial(attempt.number)
            attempt.sending[reader] = batches(going_out(trial), INLINE_BYTES)
        return stored(next(attempt.sending[reader], ()))


@contextmanager
def serving(home: Home, desk: Any, halt: Callable[[Exception], None]) -> Iterator[None]:
    """Answer what is asked at the desk, from a thread; what makes that impossible ends the search through `halt`."""
    import ray

    def work(closed: threading.Event) -> None:
        try:
            answer(closed)
        except ray.exceptions.RayError as error:
            halt(RayDiedError(f"the machine of this process has left Ray ({type(error).__name__})"))
        except Exception as error:
            halt(error)

    def reply(message: Message) -> Answer:
        try:
            return home.handle(message)
        except ray.exceptions.RayError as error:  # the machine that sent it died meanwhile
            return Refused(f"what was sent is lost ({type(error).__name__})")

    def answer(closed: threading.Event) -> None:
        asked = desk.asked.remote()
        while not closed.is_set():
            ready, _ = ray.wait([asked], timeout=0.5)
            if not ready:
                continue
            for number, message in ray.get(asked):
                desk.answer.remote(number, reply(message))
            asked = desk.asked.remote()

    with background(work, "home", patience_s=2.0):  # it may wait for a Ray that is gone
        yield
