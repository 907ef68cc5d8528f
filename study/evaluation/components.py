"""Connected components and the box that holds a mask: what post-processing and lesion metrics share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Box = tuple[slice, ...]


def bounding_box(mask: Mask) -> Box | None:
    """The smallest box that holds all true voxels of a mask [D, H, W]; None where there are none."""
    box: list[slice] = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        used = np.flatnonzero(mask[tuple(box)].any(axis=others))
        if used.size == 0:
            return None
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)


def label_components(mask: Mask) -> tuple[NDArray[Any], int]:
    """Labels 1..n (0: background) of the 26-connected components of a mask [D, H, W], and n.

    The mask is passed on as integers: for booleans, cc3d 4.1 reserves too little memory and fails where
    voxels lie isolated in a box of odd sides (`#.#`). And as an array of its own: of a part of a larger array that is
    one voxel wide along two axes, cc3d reads the wrong voxels.
    """
    import cc3d

    voxels = np.ascontiguousarray(mask).view(np.uint8)
    labels, count = cc3d.connected_components(voxels, connectivity=26, return_N=True)
    return labels, int(count)
