"""Section `postprocessing`: the steps from probabilities to a mask."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from study.config.known import known
from study.config.own_settings import SettingsByName
from study.config.section import Fraction, NotNegative, Section

Step = Annotated[str, known("steps")]
Threshold = Annotated[float, Field(gt=0, lt=1)]
ImageValue = Annotated[float, Field(ge=-32, le=32)]


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


class Intensity(Section):
    """Removes components whose mean of an image is out of range; skipped where the image is not given."""

    modality: str = Field("ADC", description="whose image; ADC in 10⁻³ mm²/s, any other as normalised")
    low: ImageValue | None = Field(None, description="lowest mean of a component; null: none")
    high: ImageValue | None = Field(None, description="highest mean of a component; null: none")

    @property
    def without_limit(self) -> bool:
        """Whether the step would remove nothing."""
        return self.low is None and self.high is None


class Seeds(Section):
    """Takes what grows from seeds, all within bounds of an image; skipped where the image is not given."""

    modality: str = Field("ADC", description="whose image; ADC in 10⁻³ mm²/s, any other as normalised")
    side: Literal["below", "above"] = Field(
        "below", description="below: values are at most the bounds; above: at least"
    )
    threshold: Threshold = Field(0.9, description="lowest probability of a seed")
    bound: ImageValue = Field(0.6, description="of a seed's value")
    grow_threshold: Threshold = Field(0.3, description="lowest probability of what is grown through")
    grow_bound: ImageValue = Field(1.0, description="of the value of what is grown through")

    @property
    def outer_bound(self) -> float:
        """The looser of the two bounds, which `grow_bound` has to be."""
        return max(self.bound, self.grow_bound) if self.side == "below" else min(self.bound, self.grow_bound)


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
    intensity: Intensity = Field(default_factory=Intensity)
    seeds: Seeds = Field(default_factory=Seeds)
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
        if "intensity" in self.steps:
            self._check_intensity()
        if "seeds" in self.steps:
            self._check_seeds()
        return self

    def _check_intensity(self) -> None:
        low, high = self.intensity.low, self.intensity.high
        if self.intensity.without_limit:
            raise ValueError(
                "intensity needs a limit, got low=null and high=null; give one, or leave intensity out of steps"
            )
        if low is not None and high is not None and low > high:
            raise ValueError(f"intensity.low must not be above intensity.high={high}, got {low}")

    def _check_seeds(self) -> None:
        seeds = self.seeds
        if self.steps[1] != "seeds":
            raise ValueError(
                f"steps must have seeds right after threshold, as it begins anew, got {', '.join(self.steps)}"
            )
        if "grow" in self.steps:
            raise ValueError(
                "steps must not have both seeds and grow, since seeds grow; leave one of them out"
            )
        if seeds.grow_threshold > seeds.threshold:
            raise ValueError(
                f"seeds.grow_threshold must not be above seeds.threshold={seeds.threshold}, "
                f"got {seeds.grow_threshold}"
            )
        if seeds.outer_bound != seeds.grow_bound:
            tighter = "below" if seeds.side == "below" else "above"
            raise ValueError(
                f"seeds.grow_bound must not be {tighter} seeds.bound={seeds.bound} with seeds.side={seeds.side}, "
                f"got {seeds.grow_bound}"
            )
