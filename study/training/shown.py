"""What a sample shows the network of each modality, once modality dropout is drawn and images are computed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.imaging.computed import Computed
from study.training.dropout import Draw

__all__ = ["Shown", "shown"]


class Shown(NamedTuple):
    """The flags and factors of one sample, float32 `[M]` each; `study.training.batches.Batch` says what they mean."""

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
