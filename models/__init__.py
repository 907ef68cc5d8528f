"""Published networks, one per file, named as in their papers.

Every network takes a `NetworkPlan`, and its forward is the same::

    forward(x [B, M, D, H, W], present [B, M] | None) -> logits [B, K, D, H, W]

An absent modality is an all-zero channel of `x`; `present` says which are there, for networks that want to
know. In training with deep supervision the result is a list of logits, highest resolution first.

To add a network: its file, its line in `MODELS`, and its line in `models.planning.RECIPES`;
`tests/models/test_contract.py` then tries it on every subset of modalities.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from models.planning import NetworkPlan, estimate_memory_gb, plan_network

if TYPE_CHECKING:
    from torch import nn

__all__ = ["MODELS", "NetworkPlan", "build_model", "estimate_memory_gb", "plan_network"]


def _nnunet(plan: NetworkPlan) -> nn.Module:
    from models.nnunet import PlainConvUNet

    return PlainConvUNet(plan)


def _resenc_unet(plan: NetworkPlan) -> nn.Module:
    from models.resenc_unet import ResidualEncoderUNet

    return ResidualEncoderUNet(plan)


MODELS: dict[str, Callable[[NetworkPlan], nn.Module]] = {
    "nnunet": _nnunet,
    "resenc_unet": _resenc_unet,
}


def build_model(name: str, plan: NetworkPlan) -> nn.Module:
    """The network called `name`, freshly initialised.

    Raises:
        ValueError: there is no such network.
    """
    if name not in MODELS:
        raise ValueError(f"model.name: no network '{name}'; there are {', '.join(sorted(MODELS))}")
    return MODELS[name](plan)
