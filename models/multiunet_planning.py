"""The plan of MultiUnet's network (Xu et al., MIDL 2024). Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from models.plan import Scans
from models.unet_planning import UNetPlan, plan_from_settings


@dataclass(frozen=True)
class MultiUNetPlan(UNetPlan):
    """What `models.multiunet.MultiUNet` is built from.

    Stage i of `strides` is a resolution; the encoder's unit i works at resolution i + 1, the last two at the
    lowest.

    Attributes:
        dropout: fraction of the elements of every feature map.
    """

    dropout: float = 0.2  # Xu 2024


def plan_multiunet(name: str, settings: Mapping[str, Any], scans: Scans) -> MultiUNetPlan:
    """The plan that the `model.` section of a configuration asks for.

    nnU-Net's rules choose patch and strides, of at most 5 stages unless `model.stages` asks for more: with a patch
    of 128×128×128 isotropic voxels this is the published network. Deviations: an axis that is too short or too
    coarse is not pooled (published: all axes, four times). Kernels are 3×3×3 throughout and there is
    no deep supervision, whatever `model.deep_supervision` says, as published.

    Raises:
        ValueError: as `models.unet_planning.plan_unet`; or there are more than two classes.
    """
    if scans.n_classes != 2:
        raise ValueError(
            f"model.name: multiunet tells one target from the rest, got {scans.n_classes} classes"
        )
    plan = plan_from_settings(name, settings, scans)
    content = {field.name: getattr(plan, field.name) for field in fields(UNetPlan)}
    content |= {"kernel_sizes": ((3, 3, 3),) * plan.stages, "deep_supervision": False}
    return MultiUNetPlan(**content, dropout=settings["dropout"])
