"""What others must know of nnU-Net's network with residual encoder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from models.parts.published_unet import plan_of, rename
from models.resenc_unet.plan import ResEncPlan, plan_resenc
from models.spec import BenchmarkInput, ModelSpec, Published, PublishedCost

if TYPE_CHECKING:
    from torch import nn


def _build(plan: ResEncPlan) -> nn.Module:
    from models.resenc_unet.network import ResidualEncoderUNet

    return ResidualEncoderUNet(plan)


SPEC = ModelSpec(
    plan=plan_resenc,
    plan_type=ResEncPlan,
    build=_build,
    cost=PublishedCost(2.1e6, 102.4e6, base_channels=32),
    published=Published("ResidualEncoderUNet", rename, partial(plan_of, ResEncPlan)),
    # the cubes of Xu 2024, with the modalities of Vargas-Ibarra 2025
    benchmark=BenchmarkInput((128, 128, 128), ("DWI", "ADC", "B0"), (1.0, 1.0, 1.0)),
)
