"""Connected components, holes and bounding boxes of masks: what post-processing and lesion metrics share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]
Values = NDArray[np.float64]
Box = tuple[slice, ...]
Connectivity = Literal[18, 26]  # whether voxels that touch by a corner alone are one component


def bounding_box(mask: Mask) -> Box | None:
    """The smallest box that holds all true voxels of a mask [D, H, W]; None for an empty mask."""
    box: list[slice] = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        used = np.flatnonzero(mask[tuple(box)].any(axis=others))
        if used.size == 0:
            return None
        box.append(slice(int(used[0]), int(used[-1]) + 1))
    return tuple(box)


def label_components(mask: Mask, connectivity: Connectivity = 26) -> tuple[NDArray[Any], int]:
    """Labels 1..n (0: background) of the connected components of a mask [D, H, W], and n.

    Two defects of cc3d 4.1 are worked around. For booleans it reserves too little memory, and fails where voxels lie
    isolated in a box of odd sides (`#.#`): the mask is passed as integers. From a view that is one voxel wide along
    two axes it reads the wrong voxels: the mask is passed as a contiguous array.
    """
    import cc3d

    voxels = np.ascontiguousarray(mask).view(np.uint8)
    labels, count = cc3d.connected_components(voxels, connectivity=connectivity, return_N=True)
    return labels, int(count)


def keep_components(mask: Mask, keep: Callable[[Integers, Integers], Mask]) -> Mask:
    """The mask without the components that `keep` rejects.

    Args:
        mask: [D, H, W].
        keep: from the components' sizes in voxels [n] and the sums of their voxels' coordinates [n, 3], whether each
            stays [n].
    """
    labels, count = label_components(mask)
    if count == 0:
        return mask
    voxels = np.nonzero(mask)
    owners = labels[voxels].astype(np.intp) - 1
    sizes = np.bincount(owners, minlength=count)
    moments = [np.bincount(owners, weights=axis, minlength=count).astype(np.int64) for axis in voxels]
    kept = np.append(False, keep(sizes, np.stack(moments, axis=1)))
    return np.asarray(kept[labels])


def fill_holes(mask: Mask) -> Mask:
    """A mask [D, H, W] with the background added that is not 6-connected to the outside of the volume."""
    import cc3d

    background = np.pad(~mask, 1, constant_values=True)
    labels = cc3d.connected_components(background.view(np.uint8), connectivity=6)
    return np.ascontiguousarray((labels != labels[0, 0, 0])[1:-1, 1:-1, 1:-1])


def on_one_grid(reference: NDArray[Any], prediction: NDArray[Any]) -> tuple[Mask, Mask]:
    """Two masks as booleans.

    Raises:
        ValueError: they are on different grids.
    """
    if reference.shape != prediction.shape:
        raise ValueError(
            f"prediction must be on the reference's grid {reference.shape}, got {prediction.shape}"
        )
    return reference.astype(np.bool_, copy=False), prediction.astype(np.bool_, copy=False)
