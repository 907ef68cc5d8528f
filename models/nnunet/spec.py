"""What others must know of nnU-Net's plain network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from models.nnunet.plan import NNUNetPlan, plan_nnunet
from models.parts.published_unet import plan_of, rename
from models.spec import BenchmarkInput, ModelSpec, Published, PublishedCost

if TYPE_CHECKING:
    from torch import nn


def _build(plan: NNUNetPlan) -> nn.Module:
    from models.nnunet.network import PlainConvUNet

    return PlainConvUNet(plan)


SPEC = ModelSpec(
    plan=plan_nnunet,
    plan_type=NNUNetPlan,
    build=_build,
    cost=PublishedCost(1.4e6, 31.2e6, base_channels=32),
    published=Published("PlainConvUNet", rename, partial(plan_of, NNUNetPlan)),
    # the cubes of Xu 2024, with the modalities of Vargas-Ibarra 2025
    benchmark=BenchmarkInput((128, 128, 128), ("DWI", "ADC", "B0"), (1.0, 1.0, 1.0)),
)
