"""Wilcoxon's signed-rank test, exact where there are few subjects, and Holm's correction for several tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.evaluation.averages import FEWEST

MOST_EXACT = 100  # differences that are not zero; above, the normal approximation
_DECIMALS = 12  # differences that only differ by rounding are ties


def signed_rank_p(differences: Sequence[float] | NDArray[np.float64]) -> float | None:
    """Two-sided p of Wilcoxon's signed-rank test; None for fewer than 5 pairs.

    Zeros are ranked and then left out (Pratt 1959), ties share the mean of their ranks, and the distribution is that of
    all signs for exactly these ranks. With 5 pairs p is at least 1/16: nothing is significant at 0.05 below 6 pairs.

    Args:
        differences: of pairs, without nan.
    """
    from scipy.stats import rankdata

    rounded = np.round(np.asarray(differences, dtype=np.float64), _DECIMALS)
    if rounded.size < FEWEST:
        return None
    ranks = rankdata(np.abs(rounded))[rounded != 0]
    if not ranks.size:
        return 1.0
    positive = float(ranks[rounded[rounded != 0] > 0].sum())
    return _exact(ranks, positive) if ranks.size <= MOST_EXACT else _normal(ranks, positive)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """p of each test, adjusted for all of them (Holm 1979); None stays None and is no test."""
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    for before, (p, place) in enumerate(order):
        highest = max(highest, min((len(order) - before) * p, 1.0))
        adjusted[place] = highest
    return adjusted


def _exact(ranks: NDArray[np.float64], positive: float) -> float:
    """The share of all sign patterns whose sum is at least as far from the middle as this one."""
    doubled = np.rint(2 * ranks).astype(np.int64)  # ties have halves
    whole = int(doubled.sum())
    chances = np.zeros(whole + 1)  # of each sum of doubled positive ranks
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] = 0.5 * (chances[rank:] + chances[: chances.size - rank])
        chances[:rank] *= 0.5
    distance = abs(2 * round(2 * positive) - whole)
    return min(float(chances[np.abs(2 * np.arange(whole + 1) - whole) >= distance].sum()), 1.0)


def _normal(ranks: NDArray[np.float64], positive: float) -> float:
    z = (positive - ranks.sum() / 2) / math.sqrt((ranks**2).sum() / 4)
    return math.erfc(abs(z) / math.sqrt(2))
