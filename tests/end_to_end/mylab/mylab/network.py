"""A network of two convolutions."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class MyNet(nn.Module):
    """Two convolutions with instance normalisation between them."""

    def __init__(self, plan: Any) -> None:
        super().__init__()
        self.plan = plan
        self.first = nn.Conv3d(plan.n_inputs, plan.width, 3, padding=1)
        self.norm = nn.InstanceNorm3d(plan.width, affine=True)
        self.second = nn.Conv3d(plan.width, plan.n_classes, 3, padding=1)

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        if x.shape[1] != self.plan.n_inputs:
            raise ValueError(f"input must have {self.plan.n_inputs} modalities, got {list(x.shape)}")
        result: Tensor = self.second(self.norm(self.first(x)).relu())
        return result
