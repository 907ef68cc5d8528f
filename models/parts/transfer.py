"""Weights of one network carried over to another, which may have other modalities or a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models.plan import Plan

INNER = "network."  # `DynamicHead` and `LearnedFiller` hold the network under this name
FILLERS = "values"  # the parameter of `models.parts.filler.LearnedFiller`, [M, …]


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
    the modalities are the same; else it stays as initialised. Learned fillers are taken over by modality where both
    networks have fillers of the same size; others begin at 0.

    Args:
        tensors: the other network's state.
        source: the other network's plan.
        network: as built for `plan`, with head and filler or without.
        build: gives the network of a plan, without head and filler.
        plan: of the network.

    Raises:
        ValueError: the networks differ in more than modalities, head and filler; names a parameter.
    """
    known, before, _ = _parts(tensors)
    wanted, added, names = _parts(network.state_dict())
    axes = _modality_axes(build, plan)
    gone = set(source.modalities) - set(plan.modalities)
    new = set(plan.modalities) - set(source.modalities)
    if strange := [key for key in known.keys() - wanted.keys() if not _belongs(key, gone)]:
        raise ValueError(f"this network has no parameter {min(strange)}")
    state = {key: _taken(key, value, known, axes, source, plan, new) for key, value in wanted.items()}
    same = source.modalities == plan.modalities
    for key, value in added.items():
        if key == FILLERS:
            state[key] = _fillers(value, before.get(key), source, plan)
        else:
            state[key] = before[key] if same and key in before else value
    return {name: state[key] for name, key in names.items()}


def _parts(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, str]]:
    """The parameters of the network itself, those of head and filler, and the short name of each."""
    depths = {name: _depth(name) for name in state}
    deepest = max(depths.values(), default=0)
    short = {name: name[len(INNER) * depth :] for name, depth in depths.items()}
    inside = {short[name]: value for name, value in state.items() if depths[name] == deepest}
    added = {short[name]: value for name, value in state.items() if depths[name] < deepest}
    return inside, added, short


def _depth(name: str) -> int:
    """How many modules hold what a parameter of this name belongs to."""
    return 1 + _depth(name[len(INNER) :]) if name.startswith(INNER) else 0


def _fillers(own: Tensor, before: Tensor | None, source: Plan, plan: Plan) -> Tensor:
    if before is None or before.shape[1:] != own.shape[1:]:
        return own
    known = dict(zip(source.modalities, before, strict=True))
    rows = zip(plan.modalities, own, strict=True)
    return torch.stack([known.get(modality, row) for modality, row in rows])


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
