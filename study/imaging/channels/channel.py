"""What a channel that is computed from modalities is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Channel", "Image", "Sources", "Way"]

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sources:
    """The images that a channel is computed from.

    Attributes:
        images: by modality, float32 [D, H, W] in RAS+ orientation, in their units, before normalisation.
        inside: bool [D, H, W], the part of the brain that all of them show; no voxel beyond may matter.
        spacing_mm: of a voxel [D, H, W].
        b_s_mm2: the b-value of the DWI.
    """

    images: Mapping[str, Image]
    inside: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    b_s_mm2: float


@dataclass(frozen=True)
class Way:
    """One way to compute a channel.

    Attributes:
        sources: the modalities that it takes.
        compute: gives the channel [D, H, W], a number without unit; it is read inside the brain alone. The channel of
            a mirrored brain must be the mirrored channel, as both augmentation and prediction mirror it like an image.
    """

    sources: tuple[str, ...]
    compute: Callable[[Sources], Image]


@dataclass(frozen=True)
class Channel:
    """A channel that is computed from modalities, in one way or in two that give the same up to noise.

    Attributes:
        first: the way that is taken where all its sources are given.
        otherwise: the way that is taken where they are not; None: the channel is then not given.
    """

    first: Way
    otherwise: Way | None = None

    @property
    def ways(self) -> tuple[Way, ...]:
        """The preferred way first."""
        return (self.first,) if self.otherwise is None else (self.first, self.otherwise)
