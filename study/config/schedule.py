"""Section `schedule`."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from study.config.known import known
from study.config.own_settings import SettingsOf
from study.config.parts import part_settings
from study.config.section import Fraction, NotNegative, Section


class Schedule(Section):
    """g(t): what is left of a dropped modality at each moment of the training (Vargas-Ibarra 2025, eq. 2)."""

    shape: Annotated[str, known("schedules")] = Field("step", description="how g falls from start to end")
    start: Fraction = Field(0.75, description="g before it falls")
    end: Fraction = Field(0.0, description="g after it has fallen")
    hold: Fraction = Field(0.0, description="fraction of the training before g falls")
    finish: Fraction = Field(1.0, description="fraction of the training after which g has fallen")
    steps: Annotated[int, Field(ge=2, le=100)] = Field(4, description="stairs of shape=step")
    exponent: Annotated[float, Field(gt=0, le=20)] = Field(2.0, description="of shape=polynomial")
    steepness: Annotated[float, Field(gt=0, le=100)] = Field(10.0, description="of shape=sigmoid")
    drops: Annotated[tuple[NotNegative, ...], Field(min_length=1)] = Field(
        (1.0, 1.0, 1.0), description="relative heights of the stairs of shape=free"
    )
    clock: Literal["trial", "rung"] = Field(
        "trial", description="one schedule over the whole trial, or one up to each rung of tuning.scheduler"
    )
    settings: Annotated[Any, SettingsOf("shape", partial(part_settings, "schedules"))] = Field(
        {}, description="own settings of a shape of an installed package"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Schedule:
        if self.end > self.start:
            raise ValueError(f"end must not be above start={self.start}, got {self.end}")
        if self.hold >= self.finish:
            raise ValueError(f"hold must be below finish={self.finish}, got {self.hold}")
        if self.shape == "free" and math.fsum(self.drops) <= 0:
            raise ValueError("drops must not all be 0 with shape=free")
        return self
