"""The plan of MultiUnet's network (Xu et al., MIDL 2024). Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.parts.unet_planning import Recipe, UNetPlan, plan_unet, stage_voxels
from models.plan import Scans


@dataclass(frozen=True)
class MultiUNetPlan(UNetPlan):
    """What `models.multiunet.network.MultiUNet` is built from.

    Stage i of `strides` is a resolution. The encoder's unit i works at resolution i + 1, the last two units at the
    lowest.

    Attributes:
        dropout: probability that an element of a feature map is dropped.
    """

    # 8 bytes an element that autograd keeps in mixed precision (counted on a CPU; dropout's mask is a byte on a GPU),
    # and 3 that the backward pass took beside them at its peak (on a CPU, halved for mixed precision).
    recipe = Recipe(encoder=(2,), decoder=2, bytes_per_element=11.0, max_stages=5)

    dropout: float = 0.2  # Xu 2024

    def elements(self) -> int:
        """Elements of all convolutions' outputs for one patch; the encoder begins at stage 1."""
        voxels = stage_voxels(self)
        total = 2 * sum(map(math.prod, zip(self.features, voxels[1:] + voxels[-1:], strict=True)))
        below = self.features[-1]
        for stage in reversed(range(self.stages - 1)):
            joined, below = below + self.features[stage], self.features[stage - 1] if stage else 1
            total += (joined + below) * voxels[stage]
        return total


def plan_multiunet(name: str, settings: Mapping[str, Any], scans: Scans) -> MultiUNetPlan:
    """The plan that the `model` section of a configuration asks for.

    nnU-Net's rules choose patch and strides, of at most 5 stages unless `model.stages` asks for more; with a patch of
    128×128×128 isotropic voxels this is the published network. Deviation: an axis that is too short or too coarse is
    not pooled (published: all axes, four times). Kernels are 3×3×3 throughout and there is no deep supervision,
    whatever `model.deep_supervision` says, as published.

    Raises:
        ValueError: as `models.parts.unet_planning.plan_unet`; or there are more than two classes.
    """
    if scans.n_classes != 2:
        raise ValueError(
            f"model.name: {name} separates one target from the background, got {scans.n_classes} classes"
        )
    plan = plan_unet(MultiUNetPlan, settings, scans)
    kernels = ((3, 3, 3),) * plan.stages
    return replace(plan, kernel_sizes=kernels, deep_supervision=False, dropout=settings["dropout"])
