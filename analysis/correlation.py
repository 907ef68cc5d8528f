"""A correlation over subjects and how certain it is."""

from __future__ import annotations

import math

import numpy as np

from analysis.estimates import NORMAL, Estimate, Interval, Values
from study.evaluation.averages import FEWEST

ROUNDING = 1e-12
FEWEST_POINTS = 3  # a line goes through any two


def correlation(first: Values, second: Values) -> Estimate:
    """Pearson's correlation of two values of each subject [N], with Fisher's 95 % interval (Fisher 1921).

    nan for fewer than 3 subjects, or where all values of one side are equal; without an interval for fewer than 5, and
    where it is 1 or -1.
    """
    n = first.size
    if n < FEWEST_POINTS or not (np.ptp(first) > 0 and np.ptp(second) > 0):
        return Estimate(math.nan, n)
    found = float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))
    if n < FEWEST or abs(found) > 1 - ROUNDING:
        return Estimate(found, n)
    middle, half = math.atanh(found), NORMAL / math.sqrt(n - 3)
    return Estimate(found, n, Interval(math.tanh(middle - half), math.tanh(middle + half)))
