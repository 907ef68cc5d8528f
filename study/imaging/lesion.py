"""Where the lesion of a subject is, for the steps after prediction that keep what lies near it."""

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

    The middle and not the mask is brought to another grid: nothing is rounded to voxels there, a small lesion cannot
    fall between them, and one that lies beyond them still has its place.
    """

    voxel: Centroid
    grid: Grid

    @classmethod
    def of(cls, mask: Volume) -> LesionCenter | None:
        """The lesion of a mask; None if it is empty."""
        center = center_of_mass(mask.data > 0)
        return None if center is None else cls(center, mask.grid)

    def on(self, grid: Grid) -> Centroid:
        """Its place in voxels of another grid of the same patient, which it may lie beyond."""
        depth, height, width = (grid_mapping(grid, self.grid) @ np.array([*self.voxel, 1.0]))[:3]
        return float(depth), float(height), float(width)


class LesionModel(Protocol):
    """What finds lesions where nobody has drawn them.

    Attributes:
        identity: changes with its weights and settings; no name is in it.
        modalities: that it can be given.
    """

    @property
    def identity(self) -> str: ...

    @property
    def modalities(self) -> tuple[str, ...]: ...

    def find(self, subject: Subject) -> LesionCenter | None:
        """The lesion of a subject, None where nothing is found or it has none of the modalities.

        Raises CohortError with everything that is wrong with its files.
        """
