"""What one system has over another on the same subjects, with all that makes it uncertain: subjects and seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.estimates import (
    Bounds,
    Estimate,
    Moments,
    Values,
    center_indices,
    estimate,
    moments,
    student,
    total,
)
from analysis.wilcoxon import signed_rank_p
from study.config import Average
from study.evaluation.averages import FEWEST, averaged, mean_over_subjects

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Difference:
    """First system minus second, paired by subject.

    Attributes:
        estimate: the average over the subjects that have a value with both.
        first, second: the averages of both over these subjects.
        runs: the average of each run, of both systems.
        spread: standard deviation of these over the runs, the noise floor of seeds; None with a single run.
        seeds: whether the interval includes the noise of seeds, which takes two runs of each system.
        p: two-sided, Wilcoxon's signed-rank test over subjects, each with its mean over the runs; None if there are
            too few.
    """

    estimate: Estimate
    first: Estimate
    second: Estimate
    runs: tuple[tuple[float, ...], tuple[float, ...]]
    spread: tuple[float | None, float | None]
    seeds: bool
    p: float | None


def difference(
    first: Values,
    second: Values,
    centers: Sequence[str] | NDArray[np.object_],
    average: Average = "subjects",
    *,
    bounds: Bounds = (0.0, 1.0),
) -> Difference:
    """Compare the runs of two systems on the same subjects.

    A run is a training with a seed of its own; those of the two systems are independent. The variance of the difference
    is that over subjects, each with its mean over the runs, and, with two or more runs of each system, that over the
    runs of both. The interaction of subjects and seeds is in each of these, so that the interval is a little too wide.

    Args:
        first: of each run and subject [R, N], nan where there is none.
        second: likewise [S, N].
        centers: of each subject [N].
        average: what counts the same.
        bounds: of the values.
    """
    kept = ~np.isnan(mean_over_subjects(first.T) - mean_over_subjects(second.T))
    runs = first[:, kept], second[:, kept]
    names = np.asarray(centers, dtype=object)[kept]
    one, other = (mean_over_subjects(values.T) for values in runs)  # of each subject, over its runs
    indices, widest = center_indices(names), bounds[1] - bounds[0]
    of_runs = [averaged(values, indices, average) for values in runs]
    found = _moments(one - other, indices, average, of_runs)
    return Difference(
        estimate=Estimate(
            found.mean, one.size, student(found, (-widest, widest)) if one.size >= FEWEST else None
        ),
        first=estimate(one, names, average, bounds=bounds),
        second=estimate(other, names, average, bounds=bounds),
        runs=(tuple(of_runs[0].tolist()), tuple(of_runs[1].tolist())),
        spread=(_spread(of_runs[0]), _spread(of_runs[1])),
        seeds=all(values.size > 1 for values in of_runs),
        p=signed_rank_p(one - other),
    )


def _moments(differences: Values, centers: Indices, average: Average, of_runs: Sequence[Values]) -> Moments:
    """The average difference; its variance over subjects, and over the runs of both where there are several."""
    if not differences.size:
        return Moments(math.nan, math.nan, math.nan)
    over_subjects = moments(differences, centers, average)
    if any(values.size < 2 for values in of_runs):
        return over_subjects
    variances = [over_subjects.variance, *(values.var(ddof=1) / values.size for values in of_runs)]
    freedoms = [over_subjects.freedom, *(values.size - 1 for values in of_runs)]
    counting = np.greater(variances, 0) | np.isnan(variances)
    return total(over_subjects.mean, np.array(variances)[counting], np.array(freedoms)[counting])


def _spread(of_runs: Values) -> float | None:
    return float(of_runs.std(ddof=1)) if of_runs.size > 1 else None
