"""What others must know of the 2.5D fully convolutional DenseNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.spec import BenchmarkInput, ModelSpec, PublishedCost
from models.tiramisu.plan import DenseNetPlan, plan_densenet

if TYPE_CHECKING:
    from torch import nn


def _build(plan: DenseNetPlan) -> nn.Module:
    from models.tiramisu.network import Tiramisu

    return Tiramisu(plan)


SPEC = ModelSpec(
    plan=plan_densenet,
    plan_type=DenseNetPlan,
    build=_build,
    cost=PublishedCost(1.1e6, 1.4e6),
    # ISBI 2015; crops of Liu 2022's code
    benchmark=BenchmarkInput((1, 128, 128), ("T1", "FLAIR", "T2", "PD"), (3.0, 1.0, 1.0)),
)
