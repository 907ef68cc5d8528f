"""How the numbers of tables are worked out, the same in every table of a study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from analysis.empty_masks import empty_masks
from study.config import Average, Evaluation
from study.evaluation.averages import AVERAGES, FEWEST
from study.evaluation.metrics import METRICS, EmptyDice, MetricFacts


@dataclass(frozen=True)
class Method:
    """What a study's settings say of metrics, averages and intervals.

    Attributes:
        average: what counts the same in a mean, subjects or centers.
        empty_dice: Dice where reference and prediction are empty.
        resamples: of the bootstrap over centers.
        seed: of these.
        tolerance_mm: of the normalised surface distance.
    """

    average: Average = "subjects"
    empty_dice: EmptyDice = "one"
    resamples: int = 2000
    seed: int = 0
    tolerance_mm: float = 2.0

    @classmethod
    def of(cls, evaluation: Evaluation, seed: int) -> Self:
        """The method that a section of the configuration describes; the seed is `study.seed`."""
        return cls(
            evaluation.average,
            evaluation.empty_dice,
            evaluation.bootstrap,
            seed,
            evaluation.tolerance_mm,
        )

    @property
    def name(self) -> str:
        """Of the average, as every table names it."""
        return AVERAGES[self.average]

    @property
    def empty_masks(self) -> str:
        """What Dice is where a mask is empty."""
        return empty_masks([METRICS["dice"]], self.empty_dice)

    @property
    def notes(self) -> tuple[str, ...]:
        """What every table of mean Dice says below it."""
        return self.notes_of(METRICS["dice"])

    def notes_of(self, *metrics: MetricFacts) -> tuple[str, ...]:
        """What a table of means of some metrics says below it: intervals, and what metrics are for empty masks."""
        over, none = {
            "subjects": ("Student's t over subjects", ""),
            "centers": ("Welch's t over the subjects within each center", " if a center has a single one,"),
        }[self.average]
        return (
            f"{self.name.capitalize()} with 95 % interval ({over}). n: subjects with a value. –: no interval for fewer "
            f"than {FEWEST} subjects,{none} or if all have the same value.",
            empty_masks(metrics, self.empty_dice),
        )
