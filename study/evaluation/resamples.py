"""Bootstrap of the objective over validation subjects."""

from __future__ import annotations

import numpy as np

from study.evaluation.averages import FEWEST
from study.evaluation.components import Values
from study.evaluation.objective import Panel

__all__ = ["objective_interval", "resampled_counts"]


def resampled_counts(panel: Panel, resamples: int, seed: int) -> Values:
    """How often each subject counts in each resample [B, N].

    Subjects are resampled within centers; those that are alone in their center are resampled together.
    """
    rng = np.random.default_rng(seed)
    alone = np.bincount(panel.centers)[panel.centers] == 1
    groups = np.where(alone, -1, panel.centers)  # within their centers, they would always be drawn
    counts = np.zeros((resamples, len(panel.subjects)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        counts[:, members] = rng.multinomial(
            members.size, np.full(members.size, 1 / members.size), size=resamples
        )
    return counts


def objective_interval(
    panel: Panel, one: Values, other: Values, resamples: int, seed: int
) -> tuple[float, float] | tuple[None, None]:
    """95 % bootstrap interval of the difference of two objectives; None for fewer than 5 subjects.

    Args:
        panel: of the cases.
        one, other: the Dice of all cases [C].
        resamples: how many.
        seed: of these.
    """
    if len(panel.subjects) < FEWEST:
        return None, None
    counts = resampled_counts(panel, resamples, seed)
    gains = panel.parts(one, counts)[:, -1] - panel.parts(other, counts)[:, -1]
    gains = gains[~np.isnan(gains)]
    if not gains.size:
        return None, None
    low, high = np.percentile(gains, [2.5, 97.5])
    return float(low), float(high)
