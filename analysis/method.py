"""How the numbers of tables are worked out, the same in every table of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from study.config import Average, Evaluation
from study.evaluation.averages import AVERAGES, FEWEST
from study.evaluation.metrics import EmptyDice


@dataclass(frozen=True)
class Method:
    """What a study's settings say of averages and intervals.

    Attributes:
        average: what counts the same in a mean, subjects or centers.
        empty_dice: Dice where reference and prediction are empty.
        resamples: of the bootstrap over centers.
        seed: of these.
    """

    average: Average = "subjects"
    empty_dice: EmptyDice = "one"
    resamples: int = 2000
    seed: int = 0

    @classmethod
    def of(cls, evaluation: Evaluation, seed: int) -> Self:
        """The method that a section of the configuration describes; the seed is `study.seed`."""
        return cls(evaluation.average, evaluation.empty_dice, evaluation.bootstrap, seed)

    @property
    def name(self) -> str:
        """Of the average, as every table names it."""
        return AVERAGES[self.average]

    @property
    def notes(self) -> tuple[str, ...]:
        """What every table of means says below it."""
        over, none = {
            "subjects": ("Student's t over subjects", ""),
            "centers": ("Welch's t over the subjects within each center", " if a center has a single one,"),
        }[self.average]
        empty = {"one": "has Dice 1", "nan": "has no Dice and is left out"}[self.empty_dice]
        return (
            f"{self.name.capitalize()} with 95 % interval ({over}). n: subjects with a value. –: no interval for fewer "
            f"than {FEWEST} subjects,{none} or if all have the same value.",
            f"A subject whose reference and prediction are both empty {empty}.",
        )
