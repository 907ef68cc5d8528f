"""Published networks, one per file, named as in their papers.

Every network is built from a plan (`models.plan.Plan`), and its forward is the same::

    forward(x [B, M, D, H, W], present [B, M] | None) -> logits [B, K, D, H, W]

An absent modality is an all-zero channel of `x`; `present` says which are there (None: all), for networks that
want to know. In training a network may return more: a list of logits, highest resolution first, with deep
supervision; a `models.urn.Unified` with what its loss needs. Networks of one slice or of a stack of slices take and
give the same shapes: slices are folded into the batch inside.

To add a network: its file, its planner, and its line in `MODELS`; `tests/models/test_contract.py` then tries it on
every subset of modalities.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.densenet_planning import DenseNetPlan, plan_densenet
from models.multiunet_planning import MultiUNetPlan, plan_multiunet
from models.plan import Plan, Scans
from models.plane_planning import UNet2dPlan, URNPlan, plan_unet2d, plan_urn
from models.stack_planning import AttentionPlan, StackPlan, plan_attention, plan_stack
from models.unet_planning import UNetPlan
from models.unet_planning import plan_from_settings as plan_unet

if TYPE_CHECKING:
    from torch import nn

__all__ = ["MODELS", "Network", "Plan", "Scans", "build_model", "plan_model", "read_plan"]


@dataclass(frozen=True)
class Network:
    """One line of `MODELS`.

    Attributes:
        plan: from the model's name, the `model.` section of a configuration and the scans to a plan; imports no
            torch, and raises ValueError that names the setting and what would do.
        plan_type: what `plan` returns.
        build: the network of a plan, freshly initialised.
    """

    plan: Callable[[str, Mapping[str, Any], Scans], Plan]
    plan_type: type[Plan]
    build: Callable[[Any], nn.Module]


def _nnunet(plan: UNetPlan) -> nn.Module:
    from models.nnunet import PlainConvUNet

    return PlainConvUNet(plan)


def _resenc_unet(plan: UNetPlan) -> nn.Module:
    from models.resenc_unet import ResidualEncoderUNet

    return ResidualEncoderUNet(plan)


def _unet2d(plan: UNet2dPlan) -> nn.Module:
    from models.unet2d import SlicewiseUNet

    return SlicewiseUNet(plan)


def _urn(plan: URNPlan) -> nn.Module:
    from models.urn import URN

    return URN(plan)


def _multiunet(plan: MultiUNetPlan) -> nn.Module:
    from models.multiunet import MultiUNet

    return MultiUNet(plan)


def _tiramisu(plan: DenseNetPlan) -> nn.Module:
    from models.tiramisu import Tiramisu

    return Tiramisu(plan)


def _lstm(plan: StackPlan) -> nn.Module:
    from models.lstm import LSTMNet

    return LSTMNet(plan)


def _attlstm(plan: AttentionPlan) -> nn.Module:
    from models.lstm import AttLSTM

    return AttLSTM(plan)


def _upattlstm(plan: AttentionPlan) -> nn.Module:
    from models.lstm import UpAttLSTM

    return UpAttLSTM(plan)


MODELS: dict[str, Network] = {
    "nnunet": Network(plan_unet, UNetPlan, _nnunet),
    "resenc_unet": Network(plan_unet, UNetPlan, _resenc_unet),
    "multiunet": Network(plan_multiunet, MultiUNetPlan, _multiunet),
    "tiramisu": Network(plan_densenet, DenseNetPlan, _tiramisu),
    "unet2d": Network(plan_unet2d, UNet2dPlan, _unet2d),
    "urn": Network(plan_urn, URNPlan, _urn),
    "lstm": Network(plan_stack, StackPlan, _lstm),
    "attlstm": Network(plan_attention, AttentionPlan, _attlstm),
    "upattlstm": Network(plan_attention, AttentionPlan, _upattlstm),
}


def plan_model(name: str, settings: Mapping[str, Any], scans: Scans) -> Plan:
    """The plan of the network called `name` for these scans.

    Args:
        name: key of `MODELS`.
        settings: the `model.` section of a configuration, nested.
        scans: what is to be learnt from.

    Raises:
        ValueError: no such network, or the settings do not fit the scans; says what would.
    """
    return _network(name).plan(name, settings, scans)


def read_plan(name: str, content: Mapping[str, Any]) -> Plan:
    """The plan that `Plan.to_dict` gave.

    Raises:
        ValueError: no such network, or no plan of this network.
    """
    return _network(name).plan_type.from_dict(content)


def build_model(name: str, plan: Plan, head: str | None = None) -> nn.Module:
    """The network called `name`, freshly initialised.

    Args:
        name: key of `MODELS`.
        plan: of this network.
        head: None, or how ModDrop+'s dynamic head begins (`identity`, `paper`); see `models.head`.

    Raises:
        ValueError: there is no such network, or the head cannot be plugged into it.
    """
    network = _network(name).build(plan)
    if head is None:
        return network
    from models.head import DynamicHead

    return DynamicHead(network, plan, head)


def _network(name: str) -> Network:
    if name not in MODELS:
        raise ValueError(f"model.name: no network '{name}'; there are {', '.join(sorted(MODELS))}")
    return MODELS[name]
