"""Rules that stop trials, by the names of `tuning.scheduler`: from the rungs and the section to a rule.

A rule only decides: the training is asked to end and writes its checkpoint; nothing is killed. It hears of a trial only
where the trial may be compared with others (`study.tuning.comparable`), and compares at rungs alone: with
`schedule.clock=rung`, scores between two rungs are those of a schedule that has not ended.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from study.config import Tuning

__all__ = [
    "Brackets",
    "MedianRule",
    "StoppingRule",
    "SuccessiveHalving",
    "asha",
    "hyperband",
    "median",
    "never",
]


class StoppingRule(Protocol):
    """Decides whether trials continue."""

    def judge(self, number: int, epoch: int, value: float) -> bool:
        """Whether a trial should end here.

        Called for each validated epoch in the order of arrival. A resumed study first repeats the reports of all
        earlier trials; a restarted trial may repeat its own, which must count once.

        Args:
            number: of the trial in the study.
            epoch: epochs that it has finished.
            value: its objective, finite; higher is better.
        """
        ...


class SuccessiveHalving:
    """ASHA (Li et al. 2020, MLSys, section 3.1): a trial ends at a rung where it is below what most reached before.

    A rung's bar is the quantile 1 - 1 / reduction_factor of the values that earlier trials had there. The first trial
    at a rung continues, as in Ray Tune.

    Args:
        rungs: finished epochs at which trials are compared.
        reduction_factor: one in so many trials continues.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        self._percentile = 100 * (1 - 1 / reduction_factor)
        self._reached: dict[int, dict[int, float]] = {rung: {} for rung in sorted(rungs, reverse=True)}

    def judge(self, number: int, epoch: int, value: float) -> bool:
        """Whether a trial that reports this should end here; an epoch beyond a rung counts as the rung."""
        reached = next((values for rung, values in self._reached.items() if epoch >= rung), None)
        if reached is None or number in reached:
            return False
        below = bool(reached) and value < float(np.percentile(list(reached.values()), self._percentile))
        reached[number] = value
        return below


class Brackets:
    """Hyperband (Li et al. 2018, JMLR, algorithm 1), asynchronously: brackets of ASHA that begin at different rungs.

    Where the first rung says little of the last, ASHA stops trials that would have won. One bracket therefore begins at
    the first rung, one at the second, and so on; a last one stops nobody. The earlier a bracket begins, the more trials
    it has, so that each bracket takes about as many epochs. A trial's bracket follows from its number.

    Args:
        rungs: finished epochs at which trials are compared.
        reduction_factor: one in so many trials continues.
    """

    def __init__(self, rungs: Sequence[int], reduction_factor: float) -> None:
        ordered = sorted(rungs)
        self._brackets = [SuccessiveHalving(ordered[at:], reduction_factor) for at in range(len(ordered) + 1)]
        # Algorithm 1, line 3: bracket s, which halves s times, begins with eta^s / (s + 1) times so many trials.
        halvings = range(len(ordered), -1, -1)
        sizes = np.array([reduction_factor**s / (s + 1) for s in halvings])
        self._shares = sizes / sizes.sum()
        self._counts = np.zeros(len(sizes))
        self._of: list[int] = []

    def judge(self, number: int, epoch: int, value: float) -> bool:
        """Whether a trial is below most of those of its bracket."""
        return self._brackets[self.bracket(number)].judge(number, epoch, value)

    def bracket(self, number: int) -> int:
        """The bracket of a trial: that which lacks most to its share of the trials up to this one."""
        while len(self._of) <= number:
            lacking = self._shares * (len(self._of) + 1) - self._counts
            self._of.append(int(np.argmax(lacking)))
            self._counts[self._of[-1]] += 1
        return self._of[number]


class MedianRule:
    """Median stopping (Golovin et al. 2017, KDD, section 3.2.2), at rungs.

    A trial ends at a rung where its best value so far is below the median of what others had on average up to there.

    Args:
        rungs: finished epochs at which trials are compared.
        fewest: other trials that must have come to a rung before one is stopped there.
    """

    def __init__(self, rungs: Sequence[int], fewest: int) -> None:
        self._rungs = sorted(rungs)
        self._fewest = fewest
        self._values: dict[int, dict[int, float]] = {}  # by trial, then by rung

    def judge(self, number: int, epoch: int, value: float) -> bool:
        """Whether a trial that reports this should end here; an epoch beyond a rung counts as the rung."""
        at = bisect_right(self._rungs, epoch) - 1
        own = self._values.setdefault(number, {})
        if at < 0 or at in own:
            return False
        own[at] = value
        others = [
            float(np.mean([each for rung, each in values.items() if rung <= at]))
            for other, values in self._values.items()
            if other != number and at in values
        ]
        return len(others) >= self._fewest and max(own.values()) < float(np.median(others))


def asha(rungs: Sequence[int], tuning: Tuning) -> StoppingRule:
    """Asynchronous successive halving."""
    return SuccessiveHalving(rungs, tuning.reduction_factor)


def hyperband(rungs: Sequence[int], tuning: Tuning) -> StoppingRule:
    """Brackets of asynchronous successive halving that begin at different rungs."""
    return Brackets(rungs, tuning.reduction_factor)


def median(rungs: Sequence[int], tuning: Tuning) -> StoppingRule:
    """The median stopping rule."""
    return MedianRule(rungs, tuning.median_trials)


def never(rungs: Sequence[int], tuning: Tuning) -> None:
    """No rule: every trial is trained to its end."""
