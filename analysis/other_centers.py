"""What test subjects of some centers say of a center that nobody has seen: a bootstrap over centers and subjects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.estimates import LEVEL, Interval, Values, center_indices
from study.config import Average
from study.evaluation.averages import FEWEST, mean_over_subjects


@dataclass(frozen=True)
class OtherCenters:
    """How far a result at some centers holds at others like them.

    Attributes:
        centers: number of centers with a value.
        lowest, highest: means of these centers; nan without any.
        interval: of the average at centers like these, from resampled centers and, within them, subjects; None for
            fewer than 5 centers, of which nobody can tell how much centers differ.
    """

    centers: int
    lowest: float
    highest: float
    interval: Interval | None

    def in_words(self) -> str:
        """What the centers can and cannot tell."""
        if self.interval is not None:
            return (
                f"{self.centers} unseen centers, with means of {self.lowest:.3f} to {self.highest:.3f}. The interval "
                "at other centers is about the mean over centers like these: a hierarchical bootstrap, which resamples "
                "centers and, within them, subjects, widened for few centers. A single center may be farther off."
            )
        few = "one" if self.centers == 1 else f"fewer than {FEWEST}"
        means = "" if self.centers == 1 else f", with means of {self.lowest:.3f} to {self.highest:.3f}"
        return (
            f"Unseen centers: {self.centers}{means}. Intervals are about other patients of these centers: how much "
            f"centers differ cannot be told from {few}, so they say nothing of the next center."
        )


def other_centers(
    values: Sequence[float] | Values,
    centers: Sequence[str] | NDArray[np.object_],
    average: Average,
    resamples: int,
    seed: int,
) -> OtherCenters:
    """The interval for other centers: hierarchical bootstrap, expanded 95 % percentile interval.

    With few centers, plain percentiles are too narrow: the tails outside the interval are those that give a normal mean
    of as many centers its t interval (Hesterberg 2015, The American Statistician 69, 371-386).

    Args:
        values: one for each subject [N]; nan does not count.
        centers: of each subject [N].
        average: what counts the same.
        resamples: how many.
        seed: of the resamples.
    """
    numbers = np.asarray(values, dtype=np.float64)
    there = ~np.isnan(numbers)
    numbers, indices = numbers[there], center_indices(np.asarray(centers)[there])
    groups = [numbers[indices == one] for one in range(int(indices.max(initial=-1)) + 1)]
    means = np.array([float(mean_over_subjects(group)) for group in groups] or [np.nan])
    interval = None
    if len(groups) >= FEWEST:
        tail = _tail(len(groups))
        low, high = np.quantile(_resampled(groups, average, resamples, seed), [tail, 1 - tail])
        interval = Interval(float(low), float(high)) if high > low else None
    return OtherCenters(len(groups), float(means.min()), float(means.max()), interval)


def _tail(centers: int) -> float:
    """The share of resamples on either side of the interval; 0.025 for very many centers, less for few."""
    from scipy.special import ndtr, stdtrit

    return float(ndtr(-stdtrit(centers - 1, LEVEL) * math.sqrt(centers / (centers - 1))))


def _resampled(groups: Sequence[Values], average: Average, resamples: int, seed: int) -> Values:
    """The average of each resample [B]: as many centers, with replacement, each time with as many of its subjects.

    A center that is drawn twice has its subjects drawn anew each time: as many draws as both times together.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=resamples)
    sums, sizes = np.zeros(resamples), np.zeros(resamples)
    for times, group in zip(drawn.T, groups, strict=True):
        counts = rng.multinomial(times * group.size, np.full(group.size, 1 / group.size))
        weight = 1.0 if average == "subjects" else 1 / group.size
        sums += weight * (counts @ group)
        sizes += weight * times * group.size
    return np.asarray(sums / sizes)
