"""A mean and how certain it is.

- A mean over subjects has Student's t interval. At 5 to 20 subjects it covers the truth more often than bootstrap
  intervals do, percentile or BCa (`python -m benchmarks.intervals`), and it needs no random numbers.
- A mean over centers has Welch's: the variances of the centers' means add up, and Satterthwaite's degrees of freedom
  account for small centers. It is about other subjects of these centers.
- A rate, of which every subject counts 0 or 1, has Wilson's interval, which is never empty.

There is no interval below 5 subjects, nor where all subjects have the same value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.config import Average
from study.evaluation.averages import FEWEST, averaged

Values = NDArray[np.float64]
Bounds = tuple[float, float]  # what a mean may be

LEVEL = 0.975  # of the upper end of a 95 % interval
SIGNIFICANT = 0.05  # p below tells two systems apart
NORMAL = 1.959963984540054  # its quantile of the normal distribution
ANYTHING: Bounds = (-math.inf, math.inf)
_NO_SPREAD = 1e-9


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A mean over subjects or over centers.

    Attributes:
        mean: of the values that are not nan; nan where there are none.
        n: number of subjects with a value.
        interval: None where it cannot be known.
    """

    mean: float
    n: int
    interval: Interval | None = None


class Moments(NamedTuple):
    """What an interval is made of.

    Attributes:
        mean: the average.
        variance: of the average; nan where it cannot be estimated.
        freedom: degrees of freedom of the variance.
    """

    mean: float
    variance: float
    freedom: float


def estimate(
    values: Sequence[float] | Values,
    centers: Sequence[str] | NDArray[np.object_] = (),
    average: Average = "subjects",
    *,
    bounds: Bounds = ANYTHING,
) -> Estimate:
    """The average of subjects' values, with its interval.

    Args:
        values: one for each subject [N]; nan does not count.
        centers: of each subject [N]; only read for the mean over centers.
        average: what counts the same, subjects or centers.
        bounds: that the mean is known to be in, and its interval is cut to.
    """
    numbers = np.asarray(values, dtype=np.float64)
    there = ~np.isnan(numbers)
    n = int(there.sum())
    if not n:
        return Estimate(math.nan, 0)
    indices = center_indices(np.asarray(centers)[there]) if average == "centers" else np.zeros(n, np.intp)
    found = moments(numbers[there], indices, average)
    return Estimate(found.mean, n, student(found, bounds) if n >= FEWEST else None)


def rate(values: Sequence[float] | Values) -> Estimate:
    """The share of 1 among subjects with 0 or 1, with Wilson's interval (Wilson 1927); nan does not count."""
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    n = numbers.size
    if not n:
        return Estimate(math.nan, 0)
    share = float(numbers.mean())
    if n < FEWEST:
        return Estimate(share, n)
    squared = NORMAL**2
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = NORMAL / (1 + squared / n) * math.sqrt(share * (1 - share) / n + squared / (4 * n**2))
    return Estimate(share, n, Interval(max(middle - half, 0.0), min(middle + half, 1.0)))


def center_indices(centers: Sequence[str] | NDArray[np.object_]) -> NDArray[np.intp]:
    """The center of each subject [N] as an index from 0."""
    _, indices = np.unique(np.asarray(centers, dtype=str), return_inverse=True)
    return np.asarray(indices, dtype=np.intp)


def moments(values: Values, centers: NDArray[np.intp], average: Average) -> Moments:
    """The average of values without nan [N], N ≥ 1, its variance and the variance's degrees of freedom.

    Args:
        values: one for each subject [N].
        centers: of each subject [N], as an index from 0.
        average: what counts the same. The variance is that over subjects; for the mean over centers, within centers.
    """
    strata = centers if average == "centers" else np.zeros(values.size, np.intp)
    counts = np.bincount(strata)
    counts = counts[counts > 0]
    parts = [values[strata == one] for one in np.unique(strata)]
    mean = float(averaged(values, centers, average))
    if counts.min() < 2:  # a single subject says nothing of the spread in its center
        return Moments(mean, math.nan, math.nan)
    variances = np.array([part.var(ddof=1) / part.size for part in parts]) / len(parts) ** 2
    return total(mean, variances, counts - 1)


def total(mean: float, variances: Values, freedoms: Values | NDArray[np.int64]) -> Moments:
    """An average whose variance is a sum of independent estimates (Welch 1947, Satterthwaite 1946).

    Args:
        mean: the average.
        variances: that add up.
        freedoms: degrees of freedom of each.
    """
    variance = float(variances.sum())
    weight = float((variances**2 / freedoms).sum())
    return Moments(mean, variance, variance**2 / weight if weight > 0 else math.nan)


def student(found: Moments, bounds: Bounds = ANYTHING) -> Interval | None:
    """Student's t interval, cut to the bounds; None without a variance, or where that is 0."""
    from scipy.special import stdtrit

    if not math.sqrt(found.variance) > _NO_SPREAD * max(abs(found.mean), 1.0):
        return None
    half = float(stdtrit(found.freedom, LEVEL)) * math.sqrt(found.variance)
    return Interval(max(found.mean - half, bounds[0]), min(found.mean + half, bounds[1]))
