"""The plan of nnU-Net's plain network (Isensee et al., Nature Methods 2021). Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.parts.unet_planning import Recipe, UNetPlan, feature_elements, plan_unet
from models.plan import Scans


@dataclass(frozen=True)
class NNUNetPlan(UNetPlan):
    """What `models.nnunet.network.PlainConvUNet` is built from."""

    # nnU-Net's own calibration: with batch 2 and mixed precision, 8 GB hold 560 million elements a sample.
    recipe = Recipe(encoder=(2,), decoder=2, bytes_per_element=8e9 / (2 * 560e6))

    def elements(self) -> int:
        """Elements of all convolutions' outputs for one patch; as nnU-Net counts them, with one head."""
        return feature_elements(self, residual=False)


def plan_nnunet(name: str, settings: Mapping[str, Any], scans: Scans) -> NNUNetPlan:
    """The plan that the `model` section of a configuration asks for; raises as `plan_unet`."""
    return plan_unet(NNUNetPlan, settings, scans)
