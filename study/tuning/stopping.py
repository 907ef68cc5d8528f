"""Rules that stop trials, by the names of `tuning.scheduler`: from the rungs and the section to a rule.

A rule only decides: the training is asked to end and writes its checkpoint; nothing is killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from study.config import Tuning

__all__ = ["StoppingRule", "SuccessiveHalving", "asha", "never"]


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


def asha(rungs: Sequence[int], tuning: Tuning) -> StoppingRule:
    """Asynchronous successive halving."""
    return SuccessiveHalving(rungs, tuning.reduction_factor)


def never(rungs: Sequence[int], tuning: Tuning) -> None:
    """No rule: every trial is trained to its end."""
