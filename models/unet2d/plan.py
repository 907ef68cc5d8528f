"""The plan of the 2D U-Net of Lau et al. 2019 (arXiv:1908.06683). Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.parts.plane_planning import PlanePlan, plane_fields
from models.plan import Scans


@dataclass(frozen=True)
class UNet2dPlan(PlanePlan):
    """What `models.unet2d.network.SlicewiseUNet` is built from."""


def plan_unet2d(name: str, settings: Mapping[str, Any], scans: Scans) -> UNet2dPlan:
    """The plan that the `model` section of a configuration asks for; raises as `plane_fields`."""
    return UNet2dPlan(**plane_fields(settings, scans))
