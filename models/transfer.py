"""Weights of one network carried over to another that may have other modalities, or a head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models import MODELS
from models.plan import Plan

HEAD = "network."  # `models.head.DynamicHead` holds the network under this name


def carry_over(
    tensors: Mapping[str, Tensor], source: Plan, network: nn.Module, name: str, plan: Plan
) -> dict[str, Tensor]:
    """The state of `network` after it has taken over what the other network knows.

    Modalities are matched by name. One that the other network did not have begins with weights of zero (or, where
    each modality has an encoder of its own, as initialised), so that the network begins as the other one was;
    one that is no longer there is left out. A dynamic head is taken over where both have it and the modalities
    are the same; else it stays as initialised.

    Args:
        tensors: the other network's state.
        source: its plan.
        network: as built for `plan`, with a head or without.
        name: of the network, key of `MODELS`.
        plan: of the network.

    Raises:
        ValueError: the networks differ in more than modalities and head; says in which parameter.
    """
    own = network.state_dict()
    known, before = _parts(tensors)
    wanted, head = _parts(own)
    axes = _modality_axes(name, plan)
    gone = set(source.modalities) - set(plan.modalities)
    new = set(plan.modalities) - set(source.modalities)
    if strange := [key for key in known.keys() - wanted.keys() if not _belongs(key, gone)]:
        raise ValueError(f"parameter {min(strange)} is not there in this network")
    state = {key: _taken(key, value, known, axes, source, plan, new) for key, value in wanted.items()}
    prefix = HEAD if head else ""
    same_head = source.modalities == plan.modalities and head.keys() == before.keys()
    return {f"{prefix}{key}": value for key, value in state.items()} | dict(before if same_head else head)


def _parts(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The network's own parameters, and those of its head (none without)."""
    inside = {key.removeprefix(HEAD): value for key, value in state.items() if key.startswith(HEAD)}
    if not inside:
        return dict(state), {}
    return inside, {key: value for key, value in state.items() if not key.startswith(HEAD)}


def _modality_axes(name: str, plan: Plan) -> dict[str, int]:
    """The parameters along which modalities lie, and the axis: where one more modality makes them longer."""
    with torch.device("meta"):
        narrow, wide = (MODELS[name].build(one).state_dict() for one in (plan, plan.widened()))
    axes = {}
    for key, value in narrow.items():
        sides = zip(value.shape, wide[key].shape, strict=True)
        if longer := [axis for axis, (one, other) in enumerate(sides) if one != other]:
            axes[key] = longer[0]
    return axes


def _taken(
    key: str,
    own: Tensor,
    known: Mapping[str, Tensor],
    axes: Mapping[str, int],
    source: Plan,
    plan: Plan,
    new: set[str],
) -> Tensor:
    if key not in known:
        if _belongs(key, new):
            return own
        raise ValueError(f"parameter {key} is not there in the source")
    if key not in axes or source.stacked == plan.stacked:
        _check_shape(key, known[key].shape, own.shape)
        return known[key]
    axis = axes[key]
    width = own.shape[axis] // len(plan.stacked)
    expected = list(own.shape)
    expected[axis] = width * len(source.stacked)
    _check_shape(key, known[key].shape, torch.Size(expected))
    blocks = dict(zip(source.stacked, torch.split(known[key], width, axis), strict=True))
    zeros = torch.zeros_like(own.narrow(axis, 0, width))
    return torch.cat([blocks.get(modality, zeros) for modality in plan.stacked], axis)


def _check_shape(key: str, given: torch.Size, expected: torch.Size) -> None:
    if given != expected:
        raise ValueError(f"parameter {key} has shape {list(given)} in the source, {list(expected)} is wanted")


def _belongs(key: str, modalities: set[str]) -> bool:
    """Whether a parameter is one of a module that is kept per modality, under its name."""
    return not modalities.isdisjoint(key.split("."))
