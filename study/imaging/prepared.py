"""One subject, ready for a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.imaging.geometry import Centroid
from study.imaging.resample import resample
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices, Windows

FOREGROUND_VOXELS = 10_000


@dataclass(frozen=True, eq=False)
class Prepared:
    """A subject's modalities on one grid, cropped to the brain and normalised.

    Attributes:
        key: the subject's pseudonym.
        image: float32 [M, D, H, W], modalities in the order of the configuration, absent ones all zero.
        present: which modalities there are.
        target: uint8 [D, H, W] on `grid`, None for a subject without the target's mask.
        foreground: int16 [N, 3], indices (d, h, w) of at most 10,000 target voxels.
        grid: of `image` and `target`.
        native: the reference modality's own full grid (RAS+), on which predictions are judged and written.
        native_target: uint8 [D, H, W] on `native`.
        lesion: center of mass, in voxels of `native`, of the lesion that a thrombus is near, which post-processing may
            measure from; None where there is none, or where lesions are what is segmented.
        own: modalities that windows show in slices of their own; None if the study has none.
        outside_ml: how much of the target lies outside `grid` and cannot be learnt.
    """

    key: str
    image: NDArray[np.float32]
    present: tuple[bool, ...]
    target: NDArray[np.uint8] | None
    foreground: NDArray[np.int16]
    grid: Grid
    native: Grid
    native_target: NDArray[np.uint8] | None
    lesion: Centroid | None = None
    own: OwnSlices | None = None
    outside_ml: float = 0.0

    @property
    def windows(self) -> Windows:
        """Where a network's windows are cut from."""
        return Windows.of(self.image, self.grid, self.own)

    def window(self, start: Sequence[int], size: Sequence[int]) -> NDArray[np.float32]:
        """The window [M, *size] that begins at index `start` of `grid`, a writable copy; 0 where it sticks out."""
        out = np.zeros((len(self.image), *size), np.float32)
        self.windows.cut(start, out)
        return out

    def select(self, modalities: Sequence[int]) -> Prepared:
        """The subject with these modalities only, by index, in this order; the grid stays."""
        return replace(
            self,
            image=self.image[list(modalities)],
            present=tuple(self.present[index] for index in modalities),
            own=None if self.own is None else self.own.select(modalities),
        )

    def to_native(self, probability: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities [D, H, W] from `grid` to `native`, linearly; 0 outside the prepared box."""
        return resample(np.asarray(probability, np.float32), self.grid, self.native, order=1)

    def from_native(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask [D, H, W] from `native` to `grid`: the nearest voxel's."""
        return resample(np.asarray(mask, np.uint8), self.native, self.grid, order=0).astype(np.bool_)
