"""Section `objective`."""

from __future__ import annotations

from pydantic import Field, model_validator

from study.config.section import Names, NotNegative, Section


class Objective(Section):
    """What trials are compared by: a weighted mean of Dice over validation subjects of seen centers, never others."""

    full: NotNegative = Field(0.5, description="weight of the mean with all modalities")
    missing: NotNegative = Field(0.5, description="weight of the mean over subsets that lack a modality")
    worst_center: NotNegative = Field(0.0, description="weight of the worst center's mean")
    centers: Names | None = Field(None, description="seen centers that count; null: all")

    @model_validator(mode="after")
    def _some_weight(self) -> Objective:
        if self.full + self.missing + self.worst_center <= 0:
            raise ValueError("all weights are 0; give full, missing or worst_center a weight")
        return self
