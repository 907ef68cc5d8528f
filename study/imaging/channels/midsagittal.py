"""The plane between the halves of a brain: the one over which an image is most like its mirror image.

Coordinates are mm along slices, rows and columns from the first voxel; in RAS+ orientation columns run from left to
right, so that the normal of the plane is near the last axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from study.imaging.channels.channel import Image

__all__ = ["Plane", "find_plane"]

STARTS_DEGREES = (-16.0, -8.0, 0.0, 8.0, 16.0)  # of both rotations; heads in a coil are turned less than 30
COARSE_MM, FINE_MM = 5.0, 2.5  # voxels that are compared, first and last
FIRST_STEP, LAST_STEP = 4.0, 1.0  # degrees and mm that a search begins with
TOLERANCE = 0.02  # degrees and mm at which a search ends
BRIGHTEST = (
    75  # percentile that brighter voxels count as, so that even a large lesion does not pull at the plane
)


@dataclass(frozen=True)
class Plane:
    """A plane in a grid.

    Attributes:
        normal: of length 1, in mm along slices, rows and columns.
        distance_mm: of the plane from the first voxel, along the normal.
    """

    normal: tuple[float, float, float]
    distance_mm: float

    def mirrored(self, image: Image, spacing_mm: Sequence[float]) -> Image:
        """The mirror image [D, H, W] of an image, on the same grid, linearly; 0 where there is nothing behind it."""
        normal, spacing = np.array(self.normal), np.array(spacing_mm)
        matrix = np.eye(3) - 2 * np.outer(normal / spacing, normal * spacing)
        offset = 2 * self.distance_mm * normal / spacing
        found: Image = ndimage.affine_transform(image, matrix, offset, order=1, prefilter=False)
        return found


def find_plane(image: Image, inside: NDArray[np.bool_], spacing_mm: Sequence[float]) -> Plane:
    """The plane that makes Σ |x - mirrored x| / Σ (x + mirrored x) least; x is 0 outside the brain.

    The plane may be turned about the axis of the slices and about that of the rows, and moved. A coarse search from
    several angles gives the start of a fine one.

    Args:
        image: [D, H, W], not negative.
        inside: the brain, not empty.
        spacing_mm: of a voxel.
    """
    most = max(float(np.percentile(image[inside], BRIGHTEST)), float(np.finfo(np.float32).tiny))
    brain = np.where(inside, np.clip(image / most, 0, 1), 0).astype(np.float32)
    coarse, fine = (_Halves.of(brain, spacing_mm, size) for size in (COARSE_MM, FINE_MM))
    start = min(product(STARTS_DEGREES, STARTS_DEGREES, (0.0,)), key=coarse.asymmetry)
    found = _search(coarse, start, FIRST_STEP)
    return fine.plane(_search(fine, found, LAST_STEP))


@dataclass(frozen=True, eq=False)
class _Halves:
    """A brain in isotropic voxels.

    Attributes:
        image: [D, H, W], 0 outside.
        size_mm: of a voxel.
        center_mm: of mass, which rotations are about.
    """

    image: Image
    size_mm: float
    center_mm: NDArray[np.float64]

    @classmethod
    def of(cls, brain: Image, spacing_mm: Sequence[float], size_mm: float) -> _Halves:
        """A brain in voxels of this size, smoothed as far as these are larger than its own."""
        spacing = np.array(spacing_mm)
        wider = np.sqrt(np.maximum(size_mm**2 - spacing**2, 0)) / 2
        smooth = ndimage.gaussian_filter(brain, wider / spacing, mode="constant")
        shape = np.maximum(np.ceil(np.array(brain.shape) * spacing / size_mm), 1).astype(int)
        image = ndimage.affine_transform(
            smooth, size_mm / spacing, output_shape=tuple(shape.tolist()), order=1, prefilter=False
        )
        return cls(image, size_mm, np.array(ndimage.center_of_mass(brain > 0)) * spacing)

    def plane(self, turned: Sequence[float]) -> Plane:
        """The plane that is turned by two angles in degrees, and moved from the center by a distance in mm."""
        about_slices, about_rows = np.radians(turned[:2])
        normal = np.array(
            [
                np.sin(about_rows),
                np.sin(about_slices) * np.cos(about_rows),
                np.cos(about_slices) * np.cos(about_rows),
            ]
        )
        depth, height, width = normal.tolist()
        return Plane((depth, height, width), float(normal @ self.center_mm + turned[2]))

    def asymmetry(self, turned: Sequence[float]) -> float:
        """What is to be least, in [0, 1]."""
        mirrored = self.plane(turned).mirrored(self.image, (self.size_mm,) * 3)
        total = float(np.sum(self.image) + np.sum(mirrored))
        return float(np.sum(np.abs(self.image - mirrored))) / total if total else 1.0


def _search(halves: _Halves, start: Sequence[float], step: float) -> tuple[float, ...]:
    simplex = np.array(start) + step * np.vstack((np.zeros(3), np.eye(3)))
    found = optimize.minimize(
        halves.asymmetry,
        np.array(start),
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": TOLERANCE, "fatol": 1e-6},
    )
    return tuple(found.x.tolist())
