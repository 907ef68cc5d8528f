"""Distance: how far the surfaces are apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Mask, bounding_box, on_one_grid


def hd95(reference: NDArray[Any], prediction: NDArray[Any], spacing_mm: Sequence[float]) -> float:
    """The 95th percentile of surface distances in mm, the larger of both directions; nan if a mask is empty.

    A surface voxel is a voxel of the mask with a face neighbour that is background or outside the volume. Distances are
    between voxel centers, from each surface voxel of one mask to the nearest of the other.

    Raises:
        ValueError: the masks are on different grids.
    """
    from scipy.spatial import cKDTree

    surfaces = []
    for mask in on_one_grid(reference, prediction):
        box = bounding_box(mask)
        if box is None:
            return math.nan
        corner = np.array([side.start for side in box])
        surfaces.append((np.argwhere(_surface(mask[box])) + corner) * np.asarray(spacing_mm, dtype=float))
    first, second = surfaces
    forth, _ = cKDTree(second).query(first)
    back, _ = cKDTree(first).query(second)
    return float(max(np.percentile(forth, 95), np.percentile(back, 95)))


def _surface(mask: Mask) -> Mask:
    """The voxels of a mask that have a face neighbour outside of it."""
    padded = np.pad(mask, 1)
    inside = mask.copy()
    for axis in range(mask.ndim):
        for shift in (0, 2):
            window = [slice(1, -1)] * mask.ndim
            window[axis] = slice(shift, shift + mask.shape[axis])
            inside &= padded[tuple(window)]
    return mask & ~inside
