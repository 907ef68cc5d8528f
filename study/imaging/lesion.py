"""Where a subject's lesion lies, for post-processing that keeps what is near it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from study.imaging.geometry import Centroid, center_of_mass
from study.imaging.resample import grid_mapping
from study.imaging.volume import Grid, Volume

if TYPE_CHECKING:
    from study.cohort.records import Subject


@dataclass(frozen=True, eq=False)
class LesionCenter:
    """The middle of a lesion, in voxels of the grid that its mask was drawn or predicted on.

    The middle is mapped to another grid instead of the mask: it is not rounded to voxels, a small lesion cannot fall
    between them, and a lesion outside the grid still has a position.
    """

    voxel: Centroid
    grid: Grid

    @classmethod
    def of(cls, mask: Volume) -> LesionCenter | None:
        """The lesion of a mask; None if it is empty."""
        center = center_of_mass(mask.data > 0)
        return None if center is None else cls(center, mask.grid)

    def on(self, grid: Grid) -> Centroid:
        """Its position in voxels of another grid of the same patient; it may lie outside that grid."""
        depth, height, width = (grid_mapping(grid, self.grid) @ np.array([*self.voxel, 1.0]))[:3]
        return float(depth), float(height), float(width)


class LesionModel(Protocol):
    """A model that finds lesions for subjects without a lesion mask."""

    @property
    def identity(self) -> str:
        """A hash of its weights and settings, without names."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that it can be given."""

    def find(self, subject: Subject) -> LesionCenter | None:
        """The lesion of a subject; None where nothing is found or it has none of the modalities.

        Raises:
            CohortError: everything that is wrong with its files.
        """
