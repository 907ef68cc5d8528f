"""Section `postprocessing`: the steps from probabilities to a mask."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from study.config.known import known
from study.config.own_settings import SettingsByName
from study.config.section import Fraction, NotNegative, Section

Step = Annotated[str, known("steps")]
Threshold = Annotated[float, Field(gt=0, lt=1)]


class RemoveSmall(Section):
    """Removes components below either minimum."""

    voxels: Annotated[int, Field(ge=0)] = Field(0, description="minimum; 0: none")
    ml: Annotated[float, Field(ge=0, le=1000)] = Field(0.0, description="minimum; 0: none")


class KeepBiggest(Section):
    """Removes components considerably smaller than the largest."""

    ratio: Fraction = Field(0.5, description="to the largest; 1: only the largest, and all as large as it")


class NearLesion(Section):
    """Removes components much farther from the lesion than the closest one."""

    voxels: NotNegative | None = Field(20.0, description="N (Vargas-Ibarra 2024); null: no limit in voxels")
    mm: NotNegative | None = Field(None, description="null: no limit in mm")

    @property
    def without_limit(self) -> bool:
        """Whether the step would remove nothing."""
        return self.voxels is None and self.mm is None


class Grow(Section):
    """Adds voxels connected to what is kept."""

    threshold: Threshold = Field(0.3, description="their lowest probability; at most that of `threshold`")


class Postprocessing(Section):
    """From probabilities to a mask (see `study.evaluation`); searched on kept probabilities, without training."""

    steps: tuple[Step, ...] = Field(
        ("threshold", "remove_small"), description="in this order; threshold first, each at most once"
    )
    threshold: Threshold = Field(0.5, description="lowest probability of a voxel in the mask")
    remove_small: RemoveSmall = Field(default_factory=RemoveSmall)
    keep_biggest: KeepBiggest = Field(default_factory=KeepBiggest)
    near_lesion: NearLesion = Field(default_factory=NearLesion)
    grow: Grow = Field(default_factory=Grow)
    settings: Annotated[Any, SettingsByName((("steps", "steps"),))] = Field(
        {}, description="own settings of steps of installed packages, by the step's name"
    )

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
        if "near_lesion" in self.steps and self.near_lesion.without_limit:
            raise ValueError(
                "near_lesion needs a limit, got voxels=null and mm=null; give one, or leave near_lesion out of steps"
            )
        return self
