"""Section `objective`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from study.config.section import Names, NotNegative, Section

Goal = Literal["full", "missing", "worst_center", "train_s", "predict_s"]
DICE: tuple[Goal, ...] = (
    "full",
    "missing",
    "worst_center",
)  # goals of which more is better; the others are seconds


class Objective(Section):
    """What trials are compared by: a weighted mean of Dice over validation subjects of seen centers, never others.

    With `front`, the search looks for all good compromises between several goals, and a rule names the winner.
    """

    full: NotNegative = Field(0.5, description="weight of the mean with all modalities")
    missing: NotNegative = Field(0.5, description="weight of the mean over subsets that lack a modality")
    worst_center: NotNegative = Field(0.0, description="weight of the worst center's mean")
    centers: Names | None = Field(None, description="seen centers that count; null: all")
    front: tuple[Goal, ...] = Field(
        (),
        description="goals of a Pareto front that is searched instead of the weighted mean, such as "
        "[full, missing] or [missing, predict_s]; train_s and predict_s are the seconds of a training's iterations "
        "and of one prediction. Post-processing and early stopping go by the weighted mean all the same",
    )
    winner: Annotated[
        Literal["weighted", "full", "missing", "worst_center", "train_s", "predict_s"],
        Field(
            description="which trial of the front wins: that with the highest weighted mean, or the best in one goal "
            "among those that are nearly as good as the best in each other goal of Dice (objective.within)"
        ),
    ] = "weighted"
    within: NotNegative = Field(0.02, description="Dice below the best that still counts as nearly as good")

    @model_validator(mode="after")
    def _some_weight(self) -> Objective:
        if self.full + self.missing + self.worst_center <= 0:
            raise ValueError("all weights are 0; give full, missing or worst_center a weight")
        return self

    @model_validator(mode="after")
    def _consistent_front(self) -> Objective:
        if len(self.front) == 1 or len(set(self.front)) < len(self.front):
            raise ValueError(
                f"front must name two goals or more, each once, got {', '.join(self.front)}; leave it empty for a "
                "single objective, which the weights make"
            )
        if self.winner != "weighted" and self.winner not in self.front:
            named = ", ".join(self.front) or "no goal"
            raise ValueError(
                f"winner={self.winner} is chosen from a front that has it, and front has {named}; "
                "add it to front, or choose winner=weighted"
            )
        return self

    @property
    def others(self) -> tuple[Goal, ...]:
        """The goals of Dice in which the winner must be nearly as good as the best; none with `winner=weighted`."""
        if self.winner == "weighted":
            return ()
        return tuple(goal for goal in self.front if goal in DICE and goal != self.winner)
