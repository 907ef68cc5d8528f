"""How certain a mean or a difference is: the percentile bootstrap over subjects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class Interval(NamedTuple):
    """A mean with its 95 % bootstrap percentile interval.

    Attributes:
        mean: of the values that are not nan.
        low, high: of the interval.
        n: number of these values.
    """

    mean: float
    low: float
    high: float
    n: int


def bootstrap_mean(values: Sequence[float] | NDArray[np.float64], n: int, seed: int) -> Interval:
    """Mean of the values that are not nan, with its interval from `n` resamples; nan where there are none."""
    return bootstrap_mean_of_groups([values], n, seed)


def bootstrap_mean_of_groups(
    groups: Sequence[Sequence[float] | NDArray[np.float64]], n: int, seed: int
) -> Interval:
    """Unweighted mean of the groups' means; each group is resampled on its own, and empty groups do not count."""
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(group, dtype=np.float64) for group in groups]
    defined = [array for group in arrays if (array := group[~np.isnan(group)]).size]
    if not defined:
        return Interval(math.nan, math.nan, math.nan, 0)
    resampled = np.mean([_resampled_means(array, n, rng) for array in defined], axis=0)
    low, high = np.percentile(resampled, [2.5, 97.5])
    mean = float(np.mean([array.mean() for array in defined]))
    return Interval(mean, float(low), float(high), sum(array.size for array in defined))


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, n: int, seed: int) -> Interval:
    """Mean difference of Dice, first minus second, over the subjects that are in both tables of rows.

    Rows are paired by subject and removed modalities; each subject counts once, with the mean of its differences.

    Args:
        first, second: rows of two trials, restricted to the rows to compare (a center, a subset).
        n: number of resamples.
        seed: of the resamples.

    Raises:
        ValueError: a table contains a subject and subset twice.
    """
    key = ["subject", "removed"]
    for table in (first, second):
        if table.duplicated(key).any():
            raise ValueError("rows must contain each subject and subset once; give the rows of one trial")
    pairs = first.merge(second, on=key, suffixes=("_first", "_second"))
    difference = (pairs["dice_first"] - pairs["dice_second"]).groupby(pairs["subject"]).mean()
    return bootstrap_mean(difference.to_numpy(), n, seed)


def _resampled_means(values: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    counts = rng.multinomial(values.size, np.full(values.size, 1 / values.size), size=n)
    return np.asarray(counts @ values / values.size)
