"""Which trial is run next: interrupted ones first, then those that wait for another attempt, then new ones."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from study.config import Trainer
from study.errors import StudyError
from study.records import StudyFolder
from study.training.memory import with_more_parts
from study.tuning.faults import Action, Fault, is_shortage
from study.tuning.ledger import Ledger
from study.tuning.outcome import write_failure
from study.tuning.retries import Faults
from study.tuning.room import Need

if TYPE_CHECKING:
    import optuna

logger = logging.getLogger(__name__)

NeedOf = Callable[[Mapping[str, Any]], Need]
MayStart = Callable[[Need, Mapping[int, Need]], bool]


class Suggests(Protocol):
    """Says what trials are run with: a search space, or the plan of a search."""

    def suggest(self, trial: optuna.Trial) -> dict[str, Any]:
        """The values of a trial, by dotted path; the same ones for a trial that was interrupted."""
        ...


class TrialQueue:
    """The trials of a study that are still to be run.

    Args:
        ledger: knows which trials there are.
        folder: of the study.
        space: says what a new trial is run with.
        remaining: how many trials are run.
        trainer: settings that a trial starts from.
        faults: decides what follows from a fault.
        need_of: what a trial with these searched values runs on.
        may_start: whether a trial with such a need may start beside those that run, by number.
        changed: callback for a trial that has ended.
        halt: ends the search.
        now: a monotonic clock.
    """

    def __init__(
        self,
        ledger: Ledger,
        folder: StudyFolder,
        space: Suggests,
        remaining: int,
        *,
        trainer: Trainer,
        faults: Faults,
        need_of: NeedOf,
        may_start: MayStart,
        changed: Callable[[int], None],
        halt: Callable[[Exception], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger, self._folder, self._space = ledger, folder, space
        self._to_start = remaining
        self._need_of, self._may_start = need_of, may_start
        self._trainer, self._faults = trainer, faults
        self._changed, self._halt = changed, halt
        self._now = now
        self._running: dict[int, Need] = {}
        self._needs: dict[int, Need] = {}  # of all trials that have begun and not ended
        self._waiting: dict[int, float] = {}  # trials to be run, and from when
        self._parts: dict[int, int] = {}  # in which batches are trained, where memory has run out

    @property
    def finished(self) -> bool:
        """Whether nothing runs, waits or remains."""
        return not (self._running or self._waiting or self._to_start)

    def need(self, number: int) -> Need:
        """What a trial that has begun runs on."""
        return self._needs[number]

    def parts(self, number: int) -> int:
        """In how many parts the batches of a trial are trained, at least."""
        return self._parts.get(number, 1)

    def next(self) -> int | None:
        """The number of the trial to run next; None if none may start now."""
        due = [number for number, at in self._waiting.items() if at <= self._now()]
        if not due:
            if not self._to_start or not self._may_start(self._need_of({}), self._running):
                return None
            due = [self._begin()]
        number = min(due)
        if not self._may_start(self._needs[number], self._running):
            self._waiting.setdefault(number, self._now())
            return None
        self._waiting.pop(number, None)
        self._running[number] = self._needs[number]
        return number

    def ended(self, number: int, fault: Fault, seconds: float) -> None:
        """Note that an attempt has ended.

        Args:
            number: of the trial.
            fault: why it has ended, if it leaves no result.
            seconds: that it took.
        """
        del self._running[number]
        if not self._folder.trial(number).result.exists:
            decision = self._faults.decide(number, fault)
            if decision.action is Action.STOP:
                self._halt(StudyError(f"trial {number}: {decision.reason}"))
                return
            if decision.action is Action.RETRY:
                logger.warning("trial %d: %s", number, decision.reason)
                self._train_in_parts(number, fault)
                self._waiting[number] = self._now() + decision.pause_s
                return
            self._ledger.lease.check()
            write_failure(self._folder.trial(number), decision.reason, seconds)
        else:
            self._faults.progressed(number)
        self._ledger.end(number)
        del self._needs[number]
        self._changed(number)

    def _begin(self) -> int:
        """Take the next trial from the ledger, and write its values down."""
        trial = self._ledger.next_trial()
        values = self._space.suggest(trial)
        self._ledger.lease.check()
        self._folder.trial(trial.number).parameters.write(values)
        self._needs[trial.number] = self._need_of(values)
        self._to_start -= 1
        return int(trial.number)

    def _train_in_parts(self, number: int, fault: Fault) -> None:
        """Where a group has run out of memory, and the user wants it, its batches are trained in more parts.

        A trial in one process sees to that by itself.
        """
        if is_shortage(fault) and self._needs[number].workers > 1:
            trainer = self._trainer.model_copy(
                update={"micro_batches": max(self.parts(number), self._trainer.micro_batches)}
            )
            if (more := with_more_parts(trainer)) is not None:
                self._parts[number] = more.micro_batches
