"""Distance: how far the surfaces are apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Mask, Values, bounding_box, on_one_grid

ROUNDING_MM = 1e-6  # a distance that equals the tolerance may be a little more, as coordinates are rounded


@dataclass(frozen=True)
class SurfaceDistances:
    """The distances of two surfaces in mm, from each surface voxel of one mask to the nearest of the other.

    A surface voxel is a voxel of the mask with a face neighbour that is background or outside the volume. Distances are
    between voxel centers. Every surface voxel counts the same, whatever the area that it stands for.

    Attributes:
        forth: from the reference's surface voxels [R]; infinite if the prediction is empty.
        back: from the prediction's surface voxels [P]; infinite if the reference is empty.
    """

    forth: Values
    back: Values

    @classmethod
    def of(
        cls, reference: NDArray[Any], prediction: NDArray[Any], spacing_mm: Sequence[float]
    ) -> SurfaceDistances:
        """The distances of two masks [D, H, W].

        Raises:
            ValueError: the masks are on different grids.
        """
        first, second = (_surface_mm(mask, spacing_mm) for mask in on_one_grid(reference, prediction))
        return cls(_nearest(first, second), _nearest(second, first))

    @property
    def hd95_mm(self) -> float:
        """The 95th percentile, the larger of both directions; nan if a mask is empty."""
        if not self._both:
            return math.nan
        return float(max(np.percentile(self.forth, 95), np.percentile(self.back, 95)))

    @property
    def average_mm(self) -> float:
        """The mean over the surface voxels of both masks together; nan if a mask is empty."""
        if not self._both:
            return math.nan
        return float((self.forth.sum() + self.back.sum()) / (self.forth.size + self.back.size))

    def within(self, tolerance_mm: float) -> float:
        """The share of both masks' surface voxels that are at most so far apart (normalised surface distance).

        0 if one mask is empty, nan if both are.
        """
        total = self.forth.size + self.back.size
        limit = tolerance_mm + ROUNDING_MM
        near = np.count_nonzero(self.forth <= limit) + np.count_nonzero(self.back <= limit)
        return float(near / total) if total else math.nan

    @property
    def _both(self) -> bool:
        return bool(self.forth.size and self.back.size)


def _nearest(points: Values, others: Values) -> Values:
    """The distance of each point [N, 3] to the nearest of the others; infinite without any."""
    from scipy.spatial import cKDTree

    if not len(others):
        return np.full(len(points), np.inf)
    tree = cKDTree(
        others, balanced_tree=False, compact_nodes=False
    )  # voxels are spread evenly: faster to build
    return np.asarray(tree.query(points)[0])


def _surface_mm(mask: Mask, spacing_mm: Sequence[float]) -> Values:
    """The coordinates in mm [N, 3] of the voxels of a mask that have a face neighbour outside of it."""
    box = bounding_box(mask)
    if box is None:
        return np.zeros((0, mask.ndim))
    corner = np.array([side.start for side in box])
    return np.asarray((np.argwhere(_surface(mask[box])) + corner) * np.asarray(spacing_mm, dtype=float))


def _surface(mask: Mask) -> Mask:
    padded = np.pad(mask, 1)
    inside = mask.copy()
    for axis in range(mask.ndim):
        for shift in (0, 2):
            window = [slice(1, -1)] * mask.ndim
            window[axis] = slice(shift, shift + mask.shape[axis])
            inside &= padded[tuple(window)]
    return mask & ~inside
