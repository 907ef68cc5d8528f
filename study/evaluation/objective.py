"""The objective: one number from the Dice of validation subjects.

- full: mean over subjects of the Dice with all modalities that the subject has.
- missing: mean over subjects of the mean Dice over their subsets with a modality removed. Subjects without such a
  subset do not count.
- worst_center: the lowest, over centers, of the mean of full and missing there (of full alone where no subject of the
  center has a subset with a modality removed).
- objective: the weighted mean of the three. A part that is not defined (nan) is left out, so that the others' weights
  count for it; nan if none is defined.

A Dice that is nan (both masks empty, with `evaluation.empty_dice=nan`) does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from study.config import Objective
from study.evaluation.components import Values
from study.training.epoch import ValidationScores


class DiceRecord(NamedTuple):
    """The Dice of one subject with one availability subset."""

    center: str
    subject: str  # key
    removed: bool  # whether a modality that the subject has is taken away
    dice: float


def objective_score(
    records: Iterable[tuple[str, str, bool, float]], objective: Objective
) -> ValidationScores:
    """The parts and their weighted mean, as defined above.

    Args:
        records: (center, subject, removed, dice) of validation subjects.
        objective: the weights, and the centers that count.
    """
    named = [DiceRecord(*record) for record in records]
    panel = Panel([(record.center, record.subject, record.removed) for record in named], objective)
    return panel.score(np.array([record.dice for record in named], dtype=np.float64))


class Panel:
    """The cases that are judged, arranged once so that many settings or resamples are scored quickly.

    Attributes:
        subjects: (center, key) of the subjects that count, in order of appearance.
        centers: the center of each, as an index.
    """

    def __init__(self, cases: Sequence[tuple[str, str, bool]], objective: Objective) -> None:
        self._weights = np.array([objective.full, objective.missing, objective.worst_center])
        counting = [
            (index, (center, subject), removed)
            for index, (center, subject, removed) in enumerate(cases)
            if objective.centers is None or center in objective.centers
        ]
        self.subjects = list(dict.fromkeys(subject for _, subject, _ in counting))
        row = {subject: index for index, subject in enumerate(self.subjects)}
        names = sorted({center for center, _ in self.subjects})
        self.centers = np.array([names.index(center) for center, _ in self.subjects], dtype=np.intp)
        self._in_center = (self.centers == np.arange(len(names))[:, None]).astype(np.float64)
        self._full = np.zeros((len(self.subjects), len(cases)))
        self._missing = np.zeros_like(self._full)
        for index, subject, removed in counting:
            (self._missing if removed else self._full)[row[subject], index] = 1.0

    def by_subject(self, dice: Values) -> tuple[Values, Values]:
        """Full and missing Dice per subject [..., N], from the Dice of all cases [..., C]."""
        return _mean(dice[..., None, :], self._full), _mean(dice[..., None, :], self._missing)

    def parts(self, dice: Values, counts: Values) -> Values:
        """Full, missing, worst center and objective [..., 4].

        Args:
            dice: of all cases in their order [C], or of many settings [S, C].
            counts: how often each subject counts [..., N]: 0 or 1 in a part of them, more in a resample. With many
                settings, [N].
        """
        full, missing = self.by_subject(dice)
        by_center = counts[..., None, :] * self._in_center  # [..., centers, N]
        centers = _nanmean(
            np.stack([_mean(full[..., None, :], by_center), _mean(missing[..., None, :], by_center)], axis=-1)
        )
        worst = np.min(np.where(np.isnan(centers), np.inf, centers), axis=-1, initial=np.inf)
        worst = np.where(np.isinf(worst), np.nan, worst)
        parts = np.stack([_mean(full, counts), _mean(missing, counts), worst], axis=-1)
        return np.concatenate([parts, _nanmean(parts, self._weights)[..., None]], axis=-1)

    def score(self, dice: Values) -> ValidationScores:
        """The parts over all subjects."""
        parts = self.parts(dice, np.ones(len(self.subjects)))
        full, missing, worst_center, objective = map(float, parts)
        return ValidationScores(full, missing, worst_center, objective)


def _mean(values: Values, weights: Values) -> Values:
    """Weighted mean along the last axis of the values that are not nan, both [..., N]; nan without any weight."""
    there = ~np.isnan(values)
    sums = np.einsum("...n,...n->...", weights, np.where(there, values, 0.0))
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.einsum("...n,...n->...", weights, there.astype(np.float64)))


def _nanmean(values: Values, weights: Values | None = None) -> Values:
    """Weighted mean along the last axis of the values that are not nan; nan without any weight."""
    weights = np.ones(values.shape[-1]) if weights is None else weights
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, values, 0.0) @ weights / (there @ weights))
