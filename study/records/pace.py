"""How fast trainings are, and how long a study will take: measured on the epochs that it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, median, median_low

from study.training.epoch import Epoch

__all__ = ["Ended", "Pace", "epoch_seconds", "time_left_s"]


def epoch_seconds(epochs: Sequence[Epoch]) -> float | None:
    """Wall-clock seconds of an epoch, with its share of the validations; None without epochs.

    It is measured from epoch to epoch. The medians leave out the gap of a training that was interrupted.

    Args:
        epochs: the last ones of a training, in their order.
    """
    if len(epochs) < 2:
        return epochs[0].seconds if epochs else None
    plain: list[float] = []
    validated: list[float] = []
    for before, after in pairwise(epochs):
        durations = plain if before.validation is None else validated
        durations.append(max(0.0, (after.time_ms - before.time_ms) / 1000))
    kinds = [durations for durations in (plain, validated) if durations]
    return float(sum(len(kind) * median_low(kind) for kind in kinds) / sum(map(len, kinds)))


@dataclass
class Ended:
    """How long the trials have been that have ended.

    Attributes:
        epochs: number of trials by their number of epochs.
        complete: number of trials that were trained to their end and judged.
    """

    epochs: Counter[int] = field(default_factory=Counter)
    complete: int = 0

    def add(self, epochs: int, *, complete: bool) -> None:
        """Count one more trial."""
        self.epochs[epochs] += 1
        self.complete += complete

    def expected(self, at: int, most: int) -> float:
        """Epochs of a trial in all that has trained for so many: the mean of those that came as far.

        Args:
            at: epochs that it has.
            most: epochs of a trial that is not stopped, which is expected where none came as far.
        """
        reached = [(epochs, count) for epochs, count in self.epochs.items() if epochs >= at]
        trials = sum(count for _, count in reached)
        return sum(epochs * count for epochs, count in reached) / trials if trials else float(most)

    @property
    def judged(self) -> float:
        """The share of trials that are judged at their end."""
        total = self.epochs.total()
        return self.complete / total if total else 1.0


@dataclass(frozen=True)
class Pace:
    """What the trials of a study take, measured on the last ones.

    Attributes:
        epoch_s: mean seconds of an epoch.
        judging_s: seconds from the last epoch of a complete trial to its result.
    """

    epoch_s: float
    judging_s: float

    @classmethod
    def of(cls, epochs_s: Iterable[float], judgings_s: Iterable[float]) -> Pace | None:
        """The pace of trials; None without an epoch."""
        epochs, judgings = list(epochs_s), list(judgings_s)
        return cls(fmean(epochs), median(judgings) if judgings else 0.0) if epochs else None


def time_left_s(running: Sequence[float], pending: int, trial_s: float) -> float:
    """The time until all trials have ended, if as many run at a time as now.

    The work that is left is divided by the number of trials at a time; the longest running trial is waited for.

    Args:
        running: seconds that are left of each running trial; at least one runs.
        pending: number of trials that are still to be run.
        trial_s: seconds of each of them.
    """
    return max((sum(running) + pending * trial_s) / len(running), *running)
