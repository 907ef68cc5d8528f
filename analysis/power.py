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
    from scipy.special import nctdtrinc, stdtrit

    if subjects < 2:
        return None
    freedom = subjects - 1
    critical = float(stdtrit(freedom, 1 - SIGNIFICANT / 2))
    # The mean, in standard errors, with which t is critical at least POWER of the time; the other tail adds nothing.
    shift = float(nctdtrinc(freedom, 1 - POWER, critical))
    return shift * spread / math.sqrt(subjects)
