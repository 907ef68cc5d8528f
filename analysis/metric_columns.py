"""Columns of tables that hold metrics of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from analysis.estimates import Estimate, Values, estimate, rate
from analysis.method import Method
from analysis.tables import Column
from study.evaluation.metrics import METRICS


def metric_columns(names: Iterable[str], method: Method) -> list[Column]:
    """The columns of some metrics of the catalogue."""
    found = []
    for name in names:
        facts = METRICS[name]
        title = f"{facts.title} within {method.tolerance_mm:g} mm" if name == "nsd" else facts.heading
        found.append(Column(name, title, "estimate", facts.decimals))
    return found


def metric_estimate(name: str, values: Values, centers: NDArray[np.object_], method: Method) -> Estimate:
    """The average of a metric over subjects, with its interval; a rate over subjects has Wilson's.

    Args:
        name: of the metric.
        values: one for each subject [N].
        centers: of each subject [N].
        method: how means are taken.
    """
    yes_or_no = name == "detected" and set(values[~np.isnan(values)]) <= {0.0, 1.0}
    if yes_or_no and method.average == "subjects":
        return rate(values)
    if name not in METRICS:
        return estimate(values, centers, method.average)
    return estimate(values, centers, method.average, bounds=METRICS[name].bounds)
