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
from study.evaluation.averages import mean_over_subjects, weighted_mean
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


class SubjectScore(NamedTuple):
    """What one subject contributes to the objective: its Dice with all modalities, and without some; nan: undefined."""

    center: str
    subject: str  # key
    full: float
    missing: float


def subject_objectives(scores: Sequence[SubjectScore], objective: Objective) -> Values:
    """The objective of each subject alone [N]: the weighted mean of full and missing.

    `worst_center` has no value for a single subject; where it alone counts, full and missing count the same, as in its
    definition.
    """
    weights = np.array([objective.full, objective.missing])
    values = np.array([(one.full, one.missing) for one in scores], dtype=np.float64).reshape(-1, 2)
    return weighted_mean(values, weights if weights.any() else np.ones(2))


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

    @classmethod
    def of_scores(cls, scores: Sequence[SubjectScore], objective: Objective) -> tuple[Panel, Values]:
        """The panel of known scores, each of two cases, and the Dice of these [C]."""
        cases = [(one.center, one.subject, removed) for one in scores for removed in (False, True)]
        dice = [value for one in scores for value in (one.full, one.missing)]
        return cls(cases, objective), np.array(dice, dtype=np.float64)

    def scores(self, dice: Values) -> tuple[SubjectScore, ...]:
        """What each subject contributes, from the Dice of all cases [C]."""
        both = zip(*(part.tolist() for part in self.by_subject(dice)), strict=True)
        return tuple(SubjectScore(*who, *values) for who, values in zip(self.subjects, both, strict=True))

    def by_subject(self, dice: Values) -> tuple[Values, Values]:
        """Full and missing Dice per subject [..., N], from the Dice of all cases [..., C]."""
        return (
            weighted_mean(dice[..., None, :], self._full),
            weighted_mean(dice[..., None, :], self._missing),
        )

    def parts(self, dice: Values, counts: Values) -> Values:
        """Full, missing, worst center and objective [..., 4].

        Args:
            dice: of all cases in their order [C], or of many settings [S, C].
            counts: how often each subject counts [..., N]: 0 or 1 in a part of them, more in a resample. With many
                settings, [N].
        """
        full, missing = self.by_subject(dice)
        by_center = counts[..., None, :] * self._in_center  # [..., centers, N]
        both = [mean_over_subjects(part[..., None, :], by_center) for part in (full, missing)]
        centers = weighted_mean(np.stack(both, axis=-1), np.ones(2))
        worst = np.min(np.where(np.isnan(centers), np.inf, centers), axis=-1, initial=np.inf)
        worst = np.where(np.isinf(worst), np.nan, worst)
        parts = np.stack(
            [mean_over_subjects(full, counts), mean_over_subjects(missing, counts), worst], axis=-1
        )
        return np.concatenate([parts, weighted_mean(parts, self._weights)[..., None]], axis=-1)

    def score(self, dice: Values) -> ValidationScores:
        """The parts over all subjects."""
        parts = self.parts(dice, np.ones(len(self.subjects)))
        full, missing, worst_center, objective = map(float, parts)
        return ValidationScores(full, missing, worst_center, objective)
