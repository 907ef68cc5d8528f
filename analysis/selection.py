"""The best of several on the same subjects: how much of its lead is the choice itself."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from study.evaluation.averages import FEWEST
from study.evaluation.components import Values

MOST_EXACT = 12  # subjects of which all 4,096 patterns of signs are tried
PATTERNS = 5000  # of more subjects
_ROUNDING = 1e-9


def best_of_p(differences: Values, chosen: int, seed: int) -> float | None:
    """How often the best of several would look as good as the chosen one does, if none differed from the reference.

    A permutation test with the largest statistic of all (Westfall and Young 1993): where a system is no other than the
    reference, the sign of a subject's difference is chance, and all systems' signs change together, so that how alike
    they are is accounted for. The statistic is t; one-sided, since the best was chosen for being better.

    Args:
        differences: of each system from the reference, by subject [K, N], without nan.
        chosen: the system that was chosen for being the best.
        seed: of the patterns of signs, where there are too many to try all.

    Returns:
        The chance; None for fewer than 5 subjects.
    """
    subjects = differences.shape[1]
    if subjects < FEWEST:
        return None
    sizes = np.sqrt((differences**2).sum(axis=1, keepdims=True))  # the same for all signs
    scaled = np.divide(differences, sizes, out=np.zeros_like(differences), where=sizes > 0)
    best = (_signs(subjects, seed) @ scaled.T).max(axis=1)
    return float((best >= scaled[chosen].sum() - _ROUNDING).mean())


def _signs(subjects: int, seed: int) -> NDArray[np.float64]:
    """Patterns of signs [P, N]; the first one changes nothing."""
    if subjects <= MOST_EXACT:
        return np.array(list(product((1.0, -1.0), repeat=subjects)))
    drawn = np.random.default_rng(seed).choice((1.0, -1.0), size=(PATTERNS, subjects))
    drawn[0] = 1.0
    return drawn
