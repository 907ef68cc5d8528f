"""What others must know of the 2D U-Net of Lau et al. 2019."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.parts.plane_planning import largest_plane
from models.spec import BenchmarkInput, ModelSpec, PublishedCost
from models.unet2d.plan import UNet2dPlan, plan_unet2d

if TYPE_CHECKING:
    from torch import nn


def _build(plan: UNet2dPlan) -> nn.Module:
    from models.unet2d.network import SlicewiseUNet

    return SlicewiseUNet(plan)


SPEC = ModelSpec(
    plan=plan_unet2d,
    plan_type=UNet2dPlan,
    build=_build,
    cost=PublishedCost(4.6e5, 0.95e6, base_channels=32),
    # BRATS; Lau 2019, section 3.1
    benchmark=BenchmarkInput((1, 240, 240), ("FLAIR", "T1", "T1c", "T2"), (1.0, 1.0, 1.0)),
    largest_patch=largest_plane,
)
