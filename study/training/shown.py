"""What a sample shows the network of each input, once modality dropout is drawn and images are computed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.imaging.channels.images import ChannelImages
from study.imaging.computed import Computed
from study.imaging.prepared import Prepared
from study.training.dropout import Draw

__all__ = ["Shown", "arranged", "shown", "with_channels"]


class Shown(NamedTuple):
    """The flags and factors of one sample, float32 `[M]` each; `study.training.batches.Batch` says what they mean.

    With N channels all but `dropped` are `[M + N]`.
    """

    present: NDArray[np.float32]
    factors: NDArray[np.float32]
    code: NDArray[np.float32]
    dropped: NDArray[np.float32]
    shares: NDArray[np.float32]


def shown(
    present: NDArray[np.bool_], draw: Draw, g: float, fading: float, computed: Computed | None = None
) -> Shown:
    """What is shown of each modality.

    What can be computed is not missing. A modality that the subject lacks is computed where its sources are there. One
    that is dropped fades into its computed image, g · x + (1 - g) · computed, where both sources stay; it then counts
    as given. What is computed from a modality that is dropped fades with it. All else is dropped as ever.

    Args:
        present: bool `[M]`, which modalities the subject has.
        draw: its modality dropout.
        g: what is left of a dropped modality.
        fading: the code of a modality that fades.
        computed: the images that may take the place of others; None without any.
    """
    kept = present & ~draw.dropped
    none = np.zeros(len(present), bool)
    before = none if computed is None else computed.replaced(present)
    after = none if computed is None else computed.replaced(kept)
    gone = (draw.dropped | before) & ~after
    factors = np.where(before, np.where(after, 1.0, g), draw.factors)
    columns = (
        present | before,
        factors,
        np.where(gone, fading, kept | after),
        draw.dropped,
        np.where(draw.dropped & after, 1 - g, 0.0),
    )
    return Shown(*(column.astype(np.float32) for column in columns))


def with_channels(modalities: Shown, channels: ChannelImages) -> Shown:
    """What is shown of the channels, behind what is shown of the modalities `[M]`.

    A channel is given if all that it is computed from is, and fades with what fades most of it: factor and code are
    the smallest of its sources'. One that has another way to be computed fades into what that gives,
    f x + (1 - f) f' x', where f and f' are the factors of both ways.
    """
    columns = np.zeros((4, len(channels.names)), np.float32)
    for channel in range(len(channels.names)):
        sources = [list(channels.sources[row]) for row in channels.rows_of(channel)]
        factors = [float(modalities.factors[way].min()) for way in sources]
        if factors:
            seen = max(float(modalities.code[way].min()) for way in sources)
            columns[:3, channel] = 1, factors[0], seen
        if len(factors) > 1:
            columns[3, channel] = np.clip(1 - factors[0], 0, 1) * factors[1]
    present, factor, code, share = columns
    return Shown(
        np.append(modalities.present, present),
        np.append(modalities.factors, factor),
        np.append(modalities.code, code),
        modalities.dropped,
        np.append(modalities.shares, share),
    )


def arranged(
    window: NDArray[np.float32], prepared: Prepared
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The inputs [C, D, H, W] that a window shows, absent modalities computed, and what takes the place of some.

    The C inputs are the M modalities and the N channels. What is computed in the place of a modality stands where that
    modality does, and the other way to compute a channel where the channel does.

    Args:
        window: [M + K + R, D, H, W], as `Prepared.window` gives it.
        prepared: the subject.
    """
    present, computed, channels = np.asarray(prepared.present, bool), prepared.computed, prepared.channels
    behind = len(present) + (0 if computed is None else len(computed.channels))
    image, placed = window[: len(present)].copy(), np.zeros_like(window[: len(present)])
    if computed is not None:
        placed[list(computed.channels)] = window[len(present) : behind]
        before = computed.replaced(present)
        image[before] = placed[before]
    if channels is None:
        return image, placed
    first, other = channels.placed(window[behind:])
    return np.concatenate((image, first)), np.concatenate((placed, other))
