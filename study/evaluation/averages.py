"""The averages of subjects' values, each defined once.

- **mean over subjects**: every subject counts the same. The objective and, by default, every table.
- **mean over centers**: every center counts the same, with the mean over its subjects (Gradual, table 1).

They differ where centers have different numbers of subjects. A value that is nan does not count; a mean without any
value is nan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from study.config import Average
from study.evaluation.components import Values

AVERAGES: dict[Average, str] = {"subjects": "mean over subjects", "centers": "mean over centers"}
FEWEST = 5  # subjects or centers below which there is no interval: their spread is not known well enough


def weighted_mean(values: Values, weights: Values) -> Values:
    """Weighted mean along the last axis of the values that are not nan, both [..., N]; nan without any weight."""
    there = ~np.isnan(values)
    sums = np.einsum("...n,...n->...", weights, np.where(there, values, 0.0))
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.einsum("...n,...n->...", weights, there.astype(np.float64)))


def mean_over_subjects(values: Values, counts: Values | None = None) -> Values:
    """Mean along the last axis, in which every subject counts the same.

    Args:
        values: of subjects [..., N].
        counts: how often each subject counts [..., N]: 0 or 1 in a part of them, more in a resample; None: once.
    """
    return weighted_mean(values, np.ones(values.shape[-1]) if counts is None else counts)


def mean_over_centers(values: Values, centers: NDArray[np.intp]) -> Values:
    """Mean along the last axis of the centers' means over their subjects; every center with a value counts the same.

    Args:
        values: of subjects [..., N].
        centers: of each subject [N], as an index from 0.
    """
    number = int(centers.max(initial=-1)) + 1
    belongs = (centers == np.arange(number)[:, None]).astype(np.float64)  # [centers, N]
    return mean_over_subjects(mean_over_subjects(values[..., None, :], belongs))


def averaged(values: Values, centers: NDArray[np.intp], average: Average) -> Values:
    """The average that is asked for, along the last axis; arguments are those of `mean_over_centers`."""
    return mean_over_subjects(values) if average == "subjects" else mean_over_centers(values, centers)
