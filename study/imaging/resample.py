"""Resampling from one grid to another through their affines.

It gives the values of TorchIO's `Resample` with scipy, so that training and prediction start fast and need no TorchIO.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from study.imaging.volume import Grid

NEGLIGIBLE = 1e-3  # voxels; a smaller displacement is rounding in a header and is not interpolated


def resample(data: NDArray[Any], source: Grid, target: Grid, order: int) -> NDArray[Any]:
    """The values of `data` [D, H, W] at the voxels of `target`, in the same type; 0 outside the source's box.

    Order 0 (nearest) is for masks, 1 (linear) for probabilities, 3 (cubic splines) for images. Splines swing beside
    edges: they are held within the range of the source's values, and to 0 where all voxels around are 0. Nothing is
    smoothed before downsampling.
    """
    result = np.zeros(target.shape, data.dtype)
    start, stop = _part_inside(source, target)
    if any(b <= a for a, b in zip(start, stop, strict=True)):
        return result
    part = target.cropped(start, stop)
    mapping = grid_mapping(source, part)
    region = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    if np.array_equal(mapping[:3, :3], np.eye(3)) and np.array_equal(mapping, np.rint(mapping)):
        first = mapping[:3, 3].astype(int)
        result[region] = data[tuple(slice(a, a + n) for a, n in zip(first, part.shape, strict=True))]
        return result
    linear = mapping[:3, :3]
    matrix = np.diag(linear) if np.array_equal(linear, np.diag(np.diag(linear))) else linear

    def interpolated(order: int) -> NDArray[Any]:
        found: NDArray[Any] = ndimage.affine_transform(
            data,
            matrix,
            mapping[:3, 3],
            part.shape,
            output=data.dtype,
            order=order,
            mode="nearest",
            prefilter=order > 1,
        )
        return found

    values = interpolated(order)
    if order > 1:
        np.clip(values, data.min(), data.max(), out=values)
        values[interpolated(1) == 0] = 0
    values[~covered(source, part)] = 0
    result[region] = values
    return result


def covered(source: Grid, target: Grid) -> NDArray[np.bool_]:
    """Which voxels of the target [D, H, W] have their centre inside the source's box.

    The box ends half a voxel beyond the outer voxel centres.
    """
    mapping = grid_mapping(source, target)
    inside = np.ones(target.shape, bool)
    for axis, size in enumerate(source.shape):
        index = mapping[
            axis, 3
        ]  # broadcasts to the axes that it depends on: one, unless the grids are rotated
        for along, step in enumerate(mapping[axis, :3]):
            if step:
                steps = step * np.arange(target.shape[along])
                index = index + steps.reshape([-1 if i == along else 1 for i in range(3)])
        inside &= (index >= -0.5) & (index <= size - 0.5)
    return inside


def grid_mapping(source: Grid, target: Grid) -> NDArray[np.float64]:
    """Target index to source index, 4×4; entries that are integers but for rounding become integers."""
    mapping: NDArray[np.float64] = np.linalg.inv(source.affine) @ target.affine
    whole = np.rint(mapping)
    reach = np.array([*(max(size - 1, 1) for size in target.shape), 1.0])
    return np.where(np.abs(mapping - whole) * reach < NEGLIGIBLE, whole, mapping)


def _part_inside(source: Grid, target: Grid) -> tuple[list[int], list[int]]:
    """The range of target indices that can lie in the source's box: the first, and the one after the last."""
    edges = ((-0.5, size - 0.5) for size in source.shape)
    corners = np.array([(*corner, 1) for corner in product(*edges)])
    index = (corners @ grid_mapping(target, source).T)[:, :3]
    size = np.asarray(target.shape)
    start = np.clip(np.ceil(index.min(axis=0) - NEGLIGIBLE), 0, size).astype(int)
    stop = np.clip(np.floor(index.max(axis=0) + NEGLIGIBLE) + 1, 0, size).astype(int)
    return start.tolist(), stop.tolist()
