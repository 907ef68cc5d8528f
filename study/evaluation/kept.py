"""Kept probabilities: what post-processing is searched on, without the network.

Probabilities are rounded down to multiples of 0.001, so that a kept probability is less than 0.001 below the original,
everywhere on the grid. A threshold that is a multiple of 0.001 gives the same mask on both maps; any other acts on a
kept map like the next multiple above it. Small probabilities are kept as well, because low thresholds (`grow`) need
them.

Beside the probabilities lie the values of the images that steps read, wherever a mask of these probabilities can reach:
where one is kept, and in the holes between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.cohort.availability import Availability
from study.evaluation.components import Box, Mask, bounding_box, fill_holes
from study.evaluation.images import ImageValues
from study.evaluation.metrics.volume import voxel_volume_ml
from study.imaging.geometry import Centroid
from study.imaging.values import NO_VALUE

LEVELS = (np.arange(1001) / 1000).astype(np.float32)  # kept probabilities
KEPT_FROM = 1  # the lowest level that is not 0; all voxels at or above it lie in the box


@dataclass(frozen=True)
class KeptCase:
    """The probability map of one subject with one availability subset, on the reference's full grid.

    Attributes:
        key: the subject's pseudonym.
        center: where it was acquired.
        availability: the modalities that the network was given, and those that were taken away.
        spacing_mm: voxel size along D, H, W.
        levels: uint16, the probability in thousandths inside of `box`; 0 outside.
        box: where `levels` lies.
        reference: mask [D, H, W] on the full grid.
        lesion: center of mass of the lesion in voxels of the full grid; None where there is none.
        images: those of the given images that steps may read, inside of `box`; no value where no mask can reach.
    """

    key: str
    center: str
    availability: Availability
    spacing_mm: tuple[float, float, float]
    levels: NDArray[np.uint16]
    box: Box
    reference: Mask
    lesion: Centroid | None = None
    images: tuple[ImageValues, ...] = ()

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return voxel_volume_ml(self.spacing_mm)

    def probability(self) -> NDArray[np.float32]:
        """The kept map [D, H, W]: less than 0.001 below the original."""
        full = np.zeros(self.reference.shape, dtype=np.float32)
        full[self.box] = LEVELS[self.levels]
        return full

    def image(self, modality: str) -> ImageValues | None:
        """The kept values of a modality inside of `box`; None if there are none."""
        return next((one for one in self.images if one.modality == modality), None)

    def full_images(self) -> tuple[ImageValues, ...]:
        """The kept values on the full grid."""
        full = []
        for one in self.images:
            values = np.full(self.reference.shape, NO_VALUE, np.int16)
            values[self.box] = one.values
            full.append(ImageValues(one.modality, values))
        return tuple(full)


def keep(
    probability: NDArray[np.float32],
    reference: Mask,
    *,
    key: str,
    center: str,
    availability: Availability,
    spacing_mm: tuple[float, float, float],
    lesion: Centroid | None = None,
    images: Sequence[ImageValues] = (),
) -> KeptCase:
    """Round and crop a probability map [D, H, W] in [0, 1], and the images [D, H, W] with it.

    Raises:
        ValueError: the reference is on another grid.
    """
    if probability.shape != reference.shape:
        raise ValueError(
            f"probability must be on the reference's grid {reference.shape}, got {probability.shape}"
        )
    box = bounding_box(probability >= LEVELS[KEPT_FROM]) or (slice(0, 0),) * probability.ndim
    known = np.fmax(probability[box].astype(np.float32), 0)  # nan is below any threshold
    levels = np.searchsorted(LEVELS, known, side="right") - 1
    reached = fill_holes(levels > 0) if images else levels > 0
    return KeptCase(
        key,
        center,
        availability,
        spacing_mm,
        levels.astype(np.uint16),
        box,
        reference.astype(np.bool_, copy=False),
        lesion,
        tuple(ImageValues(one.modality, np.where(reached, one.values[box], NO_VALUE)) for one in images),
    )
