"""Channels that are computed from modalities (`imaging.channels`): what they take, and what they go with."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from models import find_model
from study.config.cohort import CohortConfig
from study.config.imaging import Imaging
from study.config.model import Model
from study.config.nearest import did_you_mean
from study.config.parts import find_part
from study.config.technique import Imputation

__all__ = ["check_channels", "computable"]


def computable(channels: Sequence[str], modalities: Collection[str]) -> tuple[str, ...]:
    """The channels that some modalities suffice for, in their order."""
    return tuple(
        name for name in channels if any(set(sources) <= set(modalities) for sources in _sources(name))
    )


def check_channels(imaging: Imaging, imputation: Imputation, model: Model, cohort: CohortConfig) -> None:
    """Channels are computed from modalities of the cohort, for a network that takes further inputs.

    Raises:
        ValueError: begins with the path to change.
    """
    if not imaging.channels:
        return
    for name in imaging.channels:
        _check_channel(name, cohort.modalities)
    channels = ", ".join(imaging.channels)
    if imaging.own_slices:
        raise ValueError(
            f"imaging.own_slices: a channel lies on the study's slices ({channels} in imaging.channels), and so must "
            "what it is computed from; leave one of the two out"
        )
    if imputation.kind != "none":
        raise ValueError(
            f"imputation.kind: no channel is computed from an image that is itself computed ({channels} in "
            "imaging.channels); set imputation.kind=none, or leave imaging.channels out"
        )
    if not find_model(model.name).takes_channels:
        raise ValueError(
            f"imaging.channels: {model.name} asks for its modalities by name and would not read {channels}; leave them "
            "out, or choose another model"
        )


def _check_channel(name: str, modalities: tuple[str, ...]) -> None:
    listed = ", ".join(modalities)
    if name in modalities:
        raise ValueError(
            f"imaging.channels: {name} is also one of cohort.modalities ({listed}); rename that one"
        )
    if computable([name], modalities):
        return
    ways = _sources(name)
    lacking = [source for source in ways[0] if source not in modalities]
    needed = ", or from ".join(" and ".join(sources) for sources in ways)
    raise ValueError(
        f"imaging.channels: {name} is computed from {needed}, and {' and '.join(lacking)} is not among "
        f"cohort.modalities ({listed}){did_you_mean(lacking[0], modalities)}; add it, or leave {name} out"
    )


def _sources(name: str) -> list[tuple[str, ...]]:
    """The modalities that each way to compute a channel takes, the preferred way first."""
    return [way.sources for way in find_part("channels", name).ways]
