"""What Fadeout must know of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from models import BenchmarkInput, ModelSpec, Plan, PublishedCost, Scans


class Settings(BaseModel):
    """`model.settings` in a configuration."""

    width: int = Field(4, ge=1, le=64)


@dataclass(frozen=True)
class MyPlan(Plan):
    """What the network is built from."""

    width: int


def plan(name: str, settings: Mapping[str, Any], scans: Scans) -> MyPlan:
    """A patch as configured, or of 8 × 16 × 16 voxels."""
    size = tuple(settings["patch_size"] or (8, 16, 16))
    return MyPlan(scans.modalities, scans.n_classes, size, settings["settings"]["width"])


def build(plan: MyPlan) -> Any:
    """The network; torch is imported here and no sooner."""
    from mylab.network import MyNet

    return MyNet(plan)


SPEC = ModelSpec(
    plan=plan,
    plan_type=MyPlan,
    build=build,
    cost=PublishedCost(1e4, 1e3),
    benchmark=BenchmarkInput((8, 16, 16), ("DWI", "ADC"), (1.0, 1.0, 1.0)),
    settings=Settings,
)
