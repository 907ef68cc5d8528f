"""What others must know of the rule without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.spec import BenchmarkInput, ModelSpec, PublishedCost
from models.threshold.plan import READ, ThresholdPlan, plan_threshold

if TYPE_CHECKING:
    from torch import nn


def _build(plan: ThresholdPlan) -> nn.Module:
    from models.threshold.network import ThresholdRule

    return ThresholdRule(plan)


SPEC = ModelSpec(
    plan=plan_threshold,
    plan_type=ThresholdPlan,
    build=_build,
    cost=PublishedCost(flops_per_voxel=1e3, parameters=0),
    benchmark=BenchmarkInput((64, 96, 80), ("DWI", "ADC"), (2.0, 2.0, 2.0)),
    learns=False,
    reads=READ,
    takes_channels=False,
    normalisation="units",
)
