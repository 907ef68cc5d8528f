"""Weights of one network carried over to another, which may have other modalities or a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.plan import Plan

HEAD = "network."  # `models.parts.head.DynamicHead` holds the network under this name


def carry_over(
    tensors: Mapping[str, Tensor],
    source: Plan,
    network: nn.Module,
    build: Callable[[Any], nn.Module],
    plan: Plan,
) -> dict[str, Tensor]:
    """The state of `network` after it has taken over the weights of another network.

    Modalities are matched by name. A modality that the other network did not have starts with weights of zero (or,
    where each modality has an encoder of its own, as initialised), so that the network starts with the other one's
    predictions; a modality that is gone is left out. A dynamic head is taken over where both networks have one and
    the modalities are the same; else it stays as initialised.

    Args:
        tensors: the other network's state.
        source: the other network's plan.
        network: as built for `plan`, with a head or without.
        build: gives the network of a plan, without a head.
        plan: of the network.

    Raises:
        ValueError: the networks differ in more than modalities and head; names a parameter.
    """
    own = network.state_dict()
    known, before = _parts(tensors)
    wanted, head = _parts(own)
    axes = _modality_axes(build, plan)
    gone = set(source.modalities) - set(plan.modalities)
    new = set(plan.modalities) - set(source.modalities)
    if strange := [key for key in known.keys() - wanted.keys() if not _belongs(key, gone)]:
        raise ValueError(f"this network has no parameter {min(strange)}")
    state = {key: _taken(key, value, known, axes, source, plan, new) for key, value in wanted.items()}
    prefix = HEAD if head else ""
    same_head = source.modalities == plan.modalities and head.keys() == before.keys()
    return {f"{prefix}{key}": value for key, value in state.items()} | dict(before if same_head else head)


def _parts(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters of the network itself, and those of its head (none without)."""
    inside = {key.removeprefix(HEAD): value for key, value in state.items() if key.startswith(HEAD)}
    if not inside:
        return dict(state), {}
    return inside, {key: value for key, value in state.items() if not key.startswith(HEAD)}


def _modality_axes(build: Callable[[Any], nn.Module], plan: Plan) -> dict[str, int]:
    """The parameters along which modalities lie, and the axis: one more modality makes them longer there."""
    with torch.device("meta"):
        narrow, wide = (build(one).state_dict() for one in (plan, plan.widened()))
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
        raise ValueError(f"the source has no parameter {key}")
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
    """Whether a parameter belongs to a module that exists once per modality and has the modality's name."""
    return not modalities.isdisjoint(key.split("."))
