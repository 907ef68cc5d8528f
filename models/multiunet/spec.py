"""What others must know of MultiUnet's network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.multiunet.plan import MultiUNetPlan, plan_multiunet
from models.spec import BenchmarkInput, ModelSpec, PublishedCost

if TYPE_CHECKING:
    from torch import nn


def _build(plan: MultiUNetPlan) -> nn.Module:
    from models.multiunet.network import MultiUNet

    return MultiUNet(plan)


SPEC = ModelSpec(
    plan=plan_multiunet,
    plan_type=MultiUNetPlan,
    build=_build,
    cost=PublishedCost(1.6e5, 8.9e6, base_channels=16),
    # cubes of Xu 2024, with the modalities of Vargas-Ibarra 2025
    benchmark=BenchmarkInput((128, 128, 128), ("DWI", "ADC", "B0"), (1.0, 1.0, 1.0)),
)
