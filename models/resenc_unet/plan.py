"""The plan of nnU-Net's network with residual encoder (nnU-Net Revisited, MICCAI 2024). Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.parts.unet_planning import Recipe, UNetPlan, feature_elements, plan_unet
from models.plan import Scans


@dataclass(frozen=True)
class ResEncPlan(UNetPlan):
    """What `models.resenc_unet.network.ResidualEncoderUNet` is built from."""

    # nnU-Net's own calibration: with batch 2 and mixed precision, 8 GB hold 680 million elements a sample.
    recipe = Recipe(encoder=(1, 3, 4, 6), decoder=1, bytes_per_element=8e9 / (2 * 680e6))

    def elements(self) -> int:
        """Elements of all convolutions' outputs for one patch; as nnU-Net counts them, with one head."""
        return feature_elements(self, residual=True)


def plan_resenc(name: str, settings: Mapping[str, Any], scans: Scans) -> ResEncPlan:
    """The plan that the `model` section of a configuration asks for; raises as `plan_unet`."""
    return plan_unet(ResEncPlan, settings, scans)
