"""A trial's side of the desk: fetches what the trial starts from, brings home what it makes, reports."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from study.machine.background import background
from study.records import StudyFolder, TrialFolder
from study.records.travelling import Luggage, arriving
from study.training.epoch import Epoch
from study.tuning.desk import INLINE_BYTES, Ask
from study.tuning.messages import Content, Deliver, Fetch, Hurried, Message, Remarks, Report

AT_LEAST_EVERY_S = 120.0  # a checkpoint comes home, however rarely the training is validated
MOST_REMARKS = 20  # between two deliveries; the last ones are kept
LOOK_EVERY_S = 1.0  # whether the driver wants everything at once
ASK_EVERY_S = 10.0  # so long a call waits at the desk for that


class Courier:
    """Carries the files of one attempt at a trial.

    Args:
        ask: reaches the driver.
        number: of the trial.
        attempt: token of the attempt.
        folder: of the study, on this machine and for this attempt alone.
        node: Ray's identity of this machine.
    """

    def __init__(self, ask: Ask, number: int, attempt: str, folder: StudyFolder, node: str) -> None:
        self._ask = ask
        self.node = node
        self._number, self._attempt = number, attempt
        self._folder = folder
        self._lock = threading.Lock()
        self._luggage: Luggage | None = None
        self._remarks: deque[str] = deque(maxlen=MOST_REMARKS)

    def tell(self, content: Content) -> Any:
        """Send a message and return its answer."""
        return self._ask(Message(self._number, self._attempt, content))

    def fetch(self) -> TrialFolder:
        """Fetch the files that the trial starts from; returns its folder on this machine."""
        receiver, request = arriving(self._folder), Fetch(uuid.uuid4().hex, self.node)
        while parts := self.tell(request):
            for part in parts:
                receiver.take(part)
        trial = self._folder.trial(self._number)
        self._luggage = Luggage(trial)
        return trial

    def remark(self, text: str) -> None:
        """Keep a warning, which is brought home with the next files."""
        self._remarks.append(text)

    def deliver(self) -> None:
        """Bring home the files that are new, in the order in which the trial wrote them, and its warnings."""
        if self._luggage is None:
            return
        with self._lock:
            for parts in self._luggage.batches(INLINE_BYTES):
                self.tell(Deliver(parts))
            if lines := tuple(self._remarks.popleft() for _ in range(len(self._remarks))):
                self.tell(Remarks(lines))

    def report(self, epoch: Epoch) -> bool:
        """Bring home what there is, and report a validated epoch; whether the training should stop."""
        self.deliver()
        return bool(self.tell(Report(epoch.epoch, epoch.objective)))


@contextmanager
def delivering(courier: Courier, desk: Any) -> Iterator[None]:
    """Deliver every few minutes, and at once when the driver asks for it, from a thread.

    An error of the thread is raised at the end, unless the block ends with one of its own.
    """
    errors = []

    def work(closed: threading.Event) -> None:
        try:
            _deliver_until(closed, courier, desk)
        except Exception as error:
            errors.append(error)

    with background(work, "courier"):
        yield
    if errors:
        raise errors[0]


def _deliver_until(closed: threading.Event, courier: Courier, desk: Any) -> None:
    import ray

    waited, seen = 0.0, 0
    call = desk.hurried.remote(seen, ASK_EVERY_S)
    while not closed.wait(LOOK_EVERY_S):
        waited += LOOK_EVERY_S
        answered, _ = ray.wait([call], timeout=0)
        hurries = ray.get(call) if answered else seen
        if hurries > seen or waited >= AT_LEAST_EVERY_S:
            waited = 0.0
            courier.deliver()
        if hurries > seen:
            courier.tell(Hurried())
            seen = hurries
        if answered:
            call = desk.hurried.remote(seen, ASK_EVERY_S)
