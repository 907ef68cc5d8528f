"""The settings of the post-processing: which steps, in which order, and what each needs to know."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from study.config import Fraction, Section

Distance = Annotated[float, Field(ge=0)]
Step = Literal["threshold", "remove_small", "keep_biggest", "near_lesion", "grow", "fill_holes"]


class RemoveSmall(Section):
    """Components below either minimum are removed."""

    voxels: Annotated[int, Field(ge=0)] = 0
    ml: Annotated[float, Field(ge=0, le=1000)] = 0.0


class KeepBiggest(Section):
    """Components considerably smaller than the largest are removed."""

    ratio: Fraction = Field(0.5, description="to the largest; 1: only the largest, and all as large as it")


class NearLesion(Section):
    """Components much farther from the lesion than the closest one are removed."""

    voxels: Distance | None = Field(20.0, description="N (Vargas-Ibarra 2024); null: no limit in voxels")
    mm: Distance | None = Field(None, description="null: no limit in mm")


class Grow(Section):
    """Voxels connected to what is kept are added."""

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.3


class Postprocessing(Section):
    """From probabilities to a mask. Searched on kept probabilities; costs no training."""

    steps: tuple[Step, ...] = Field(
        ("threshold", "remove_small"), description="in this order; threshold first, each at most once"
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    remove_small: RemoveSmall = RemoveSmall()
    keep_biggest: KeepBiggest = KeepBiggest()
    near_lesion: NearLesion = NearLesion()
    grow: Grow = Grow()

    @model_validator(mode="after")
    def _consistent(self) -> Postprocessing:
        if self.steps[:1] != ("threshold",):
            raise ValueError(f"steps must begin with threshold, got {', '.join(self.steps) or 'none'}")
        if twice := sorted({step for step in self.steps if self.steps.count(step) > 1}):
            raise ValueError(f"steps must list each step at most once, got {', '.join(twice)} twice")
        if "grow" in self.steps and self.grow.threshold > self.threshold:
            raise ValueError(
                f"grow.threshold must not be above threshold={self.threshold}, got {self.grow.threshold}"
            )
        if "near_lesion" in self.steps and self.near_lesion.voxels is None and self.near_lesion.mm is None:
            raise ValueError("near_lesion needs voxels or mm; give one, or leave near_lesion out of steps")
        return self
