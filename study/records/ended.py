"""The trials of a study that have ended, counted one by one."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nlargest

from study.config import Objective
from study.records.goals import best_first, pareto_front
from study.records.pace import Ended, epoch_seconds
from study.records.results import CompleteTrial, FailedTrial, TrialResult
from study.records.status import BestTrial, FailureStatus
from study.records.trial import TrialFolder

RECENT = 10  # trials that ended last, on which the pace is measured
NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(frozen=True)
class End:
    """A trial that has ended."""

    folder: TrialFolder
    result: TrialResult
    ended_ms: int


class EndedTrials:
    """How trials have ended.

    Attributes:
        states: number of complete, pruned and failed trials.
        lengths: how long they were.
        epochs_s: seconds of an epoch of the last ones.
        judgings_s: seconds from the last epoch to the result of the last complete ones.

    Args:
        window: the number of last epochs to look at.
        objective: names the best trial.
    """

    def __init__(self, window: int, objective: Objective) -> None:
        self.states: Counter[str] = Counter()
        self.lengths = Ended()
        self._objective = objective
        self._complete: list[CompleteTrial] = []  # with one objective, only the best of them
        self.epochs_s: deque[float] = deque(maxlen=RECENT)
        self.judgings_s: deque[float] = deque(maxlen=RECENT)
        self._window = window
        self._failures: dict[str, FailureStatus] = {}

    def add(self, ends: Iterable[End]) -> None:
        """Count trials that have ended since the last time."""
        ends = list(ends)
        for end in sorted(ends, key=lambda end: end.folder.number):
            self._count(end.folder.number, end.result)
        for end in nlargest(RECENT, ends, key=lambda end: end.ended_ms)[::-1]:
            self._measure(end)

    @property
    def best(self) -> BestTrial | None:
        """The complete trial that wins so far; None if the objective of none is defined."""
        ranked = best_first(self._complete, self._objective)
        if not ranked:
            return None
        front = pareto_front(self._complete, self._objective) if self._objective.front else []
        numbers = tuple(trial.trial for trial in front)
        return BestTrial(trial=ranked[0].trial, objective=ranked[0].value, front=numbers)

    @property
    def failures(self) -> tuple[FailureStatus, ...]:
        """Why trials have failed, the most frequent reason first."""
        return tuple(sorted(self._failures.values(), key=lambda failure: (-failure.count, failure.trials)))

    def _count(self, number: int, result: TrialResult) -> None:
        self.states[result.state] += 1
        self.lengths.add(result.epochs, complete=isinstance(result, CompleteTrial))
        if isinstance(result, FailedTrial):
            self._add_failure(number, result.error)
        elif isinstance(result, CompleteTrial):
            self._complete.append(result)
            if not self._objective.front:
                self._complete = best_first(self._complete, self._objective)[:1]

    def _add_failure(self, number: int, reason: str) -> None:
        alike = NUMBER.sub("0", reason)
        known = self._failures.get(alike)
        trials = (*known.trials, number) if known else (number,)
        first = known.reason if known else reason
        self._failures[alike] = FailureStatus(reason=first, count=len(trials), trials=trials)

    def _measure(self, end: End) -> None:
        epochs = end.folder.training.epochs.read(self._window)
        if (seconds := epoch_seconds(epochs)) is None:
            return
        self.epochs_s.append(seconds)
        if isinstance(end.result, CompleteTrial):
            self.judgings_s.append(max(0.0, (end.ended_ms - epochs[-1].time_ms) / 1000))
