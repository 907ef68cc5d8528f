"""Computes the channels of a subject from its modalities, in their units, before these are normalised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from study.config import Normalisation
from study.config.parts import find_part
from study.errors import Problem
from study.imaging.channels.channel import Channel, Sources, Way
from study.imaging.channels.images import ChannelImages, Image
from study.imaging.normalise import zscore
from study.imaging.stack import Stack

__all__ = ["channel_images", "channel_stacks"]


def channel_stacks(
    stacked: Stack, names: Sequence[str], b_s_mm2: float | None, subject: str
) -> tuple[Stack, ...]:
    """The channels that can be computed: one stack of those in their preferred way, one of those in the other.

    Args:
        stacked: the modalities of a subject.
        names: of the channels; without any there are no stacks.
        b_s_mm2: the b-value of the DWI.
        subject: its name in problems.

    Raises:
        ValueError: channels are asked for without a b-value.
    """
    if not names:
        return ()
    if b_s_mm2 is None:
        raise ValueError("imaging.channels needs the b-value of the DWI")
    known: dict[str, Channel] = {name: find_part("channels", name) for name in names}
    others = {name: channel.otherwise for name, channel in known.items() if channel.otherwise is not None}
    firsts = {name: channel.first for name, channel in known.items()}
    return tuple(_stack(stacked, ways, b_s_mm2, subject) for ways in (firsts, others))


def _stack(stacked: Stack, ways: dict[str, Way], b_s_mm2: float, subject: str) -> Stack:
    images: dict[str, Image] = {}
    inside: dict[str, NDArray[np.bool_]] = {}
    problems = []
    for name, way in ways.items():
        if not set(way.sources) <= set(stacked.images):
            continue
        where = np.logical_and.reduce([stacked.inside[source] for source in way.sources])
        given = {source: stacked.images[source] for source in way.sources}
        sources = Sources(given, where, stacked.grid.spacing_mm, b_s_mm2)
        image = way.compute(sources) if where.any() else np.zeros(where.shape, np.float32)
        if fault := _fault(image[where]):
            together = " and ".join(way.sources)
            what = f"{name}, computed from {together}: {fault}"
            remedy = f"check {together}, or leave {name} out of imaging.channels"
            problems.append(Problem(subject, None, what, remedy))
        else:
            images[name], inside[name] = image, where
    return Stack(images, inside, dict.fromkeys(images, 1.0), {}, stacked.grid, tuple(problems))


def _fault(values: Image) -> str | None:
    """Why the values of a brain [N] cannot be used."""
    if not values.size:
        return "no voxel of the brain lies in all of them"
    if not np.isfinite(values).all():
        return f"{np.count_nonzero(~np.isfinite(values))} of its values are no numbers"
    if values.min() == values.max():
        return f"it is constant in the brain ({values.min():g})"
    return None


def channel_images(
    stacks: Sequence[Stack], names: Sequence[str], modalities: Sequence[str], normalisation: Normalisation
) -> ChannelImages | None:
    """What a prepared subject keeps of its channels; None if there are no stacks.

    Channels have no unit: with imaging.normalisation=units they stay as they are, else they get zero mean and unit
    variance in the brain. They are 0 outside.

    Args:
        stacks: as `channel_stacks` gives them.
        names: of the channels.
        modalities: of the study, in order.
        normalisation: `imaging.normalisation`.
    """
    if not stacks:
        return None
    images, channels, sources = [], [], []
    for index, name in enumerate(names):
        channel: Channel = find_part("channels", name)
        for way, made in zip(channel.ways, stacks, strict=False):
            if name in made.images:
                data, inside = made.images[name], made.inside[name]
                images.append(np.where(inside, data, 0) if normalisation == "units" else zscore(data, inside))
                channels.append(index)
                sources.append(tuple(modalities.index(source) for source in way.sources))
    image = np.stack(images) if images else np.zeros((0, *stacks[0].grid.shape))
    return ChannelImages(tuple(names), image.astype(np.float32), tuple(channels), tuple(sources))
