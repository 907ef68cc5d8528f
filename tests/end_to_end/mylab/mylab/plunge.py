"""A fading schedule: everything stays until a moment, and then nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from study.config.parts import Part


class Settings(BaseModel):
    """`schedule.settings` in a configuration."""

    at: float = Field(0.5, gt=0, lt=1)


def plunge(schedule: Any, position: float) -> float:
    """g, from a position between hold (0) and finish (1)."""
    return 1.0 if position < schedule.settings.at else 0.0


PLUNGE = Part(plunge, settings=Settings)
