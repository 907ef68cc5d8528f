"""How small a difference of two systems a number of subjects can show."""

from __future__ import annotations

import math

from analysis.estimates import SIGNIFICANT

POWER = 0.8  # how often the difference is found


def detectable_difference(subjects: int, spread: float) -> float | None:
    """The smallest mean difference that a paired t test finds 80 times in 100; None for fewer than 2 subjects.

    Args:
        subjects: that have a value with both systems.
        spread: standard deviation of the subjects' differences.
    """
    from scipy.optimize import brentq
    from scipy.special import nctdtr, stdtrit

    if subjects < 2:
        return None
    freedom = subjects - 1
    critical = float(stdtrit(freedom, 1 - SIGNIFICANT / 2))

    def missing(shift: float) -> float:
        """By how much the power is short, with the mean this many standard errors from 0."""
        return POWER - (1 - float(nctdtr(freedom, shift, critical)))

    # The other tail adds nothing at this power.
    return float(brentq(missing, 0.0, critical + 10.0)) * spread / math.sqrt(subjects)
