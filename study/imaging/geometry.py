"""Comparisons of grids: whether two are the same, and whether one covers the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from study.imaging.volume import Grid

Centroid = tuple[float, float, float]  # center of mass in voxels along D, H, W

TOLERANCE = (
    0.1  # of the smallest spacing: above rounding in headers (1e-7 mm is common), below a shift by a voxel
)
LEAST_COVERAGE = 0.5  # of the reference's box that a modality on its own grid must cover


def displacement_mm(one: Grid, other: Grid) -> float:
    """The farthest that a corner voxel of a shared shape moves between two affines."""
    corners = np.array([(*corner, 1) for corner in product(*((0, size - 1) for size in one.shape))], float)
    return float(np.linalg.norm((corners @ (one.affine - other.affine).T)[:, :3], axis=1).max())


def same_grid(one: Grid, other: Grid) -> bool:
    """Whether shapes agree, and positions to a tenth of the smallest spacing at the corners."""
    return one.shape == other.shape and displacement_mm(one, other) <= TOLERANCE * min(other.spacing_mm)


def describe(grid: Grid) -> str:
    """Shape and spacing for a message, slices × rows × columns."""
    shape = "×".join(map(str, grid.shape))
    return f"{shape} at {'×'.join(f'{value:.2f}' for value in grid.spacing_mm)} mm"


def target_fault(mask: Grid, reference: Grid) -> str | None:
    """Why a mask does not lie on the reference's grid; None if it does."""
    if same_grid(mask, reference):
        return None
    if mask.shape != reference.shape:
        return f"the mask lies on another grid: {describe(mask)}, the image {describe(reference)}"
    moved = displacement_mm(mask, reference)
    return f"the mask lies elsewhere: its header is up to {moved:.2f} mm off the image's"


def alignment_fault(source: Grid, reference: Grid) -> str | None:
    """Why the headers do not allow a volume to be resampled onto the reference; None if they do.

    Equal shape and spacing at another position is a mistake in a header; any other grid is the volume's own.
    """
    if same_grid(source, reference):
        return None
    if source.shape == reference.shape and np.allclose(source.spacing_mm, reference.spacing_mm, rtol=0.01):
        moved = displacement_mm(source, reference)
        return f"same shape and spacing as the reference, but its header is up to {moved:.2f} mm off"
    if (share := coverage(source, reference)) < LEAST_COVERAGE:
        return f"it covers {share:.0%} of the reference's box, at least {LEAST_COVERAGE:.0%} are needed"
    return None


def context_fault(mask: Grid, reference: Grid, others: Sequence[Grid]) -> str | None:
    """Why the headers do not place a mask other than the target on the reference; None if they do.

    It may lie on the grid of any of the subject's images (`others`), or on a grid of its own that fits the reference's.
    """
    if any(same_grid(mask, grid) for grid in others):
        return None
    alike = (alignment_fault(mask, grid) for grid in others if grid.shape == mask.shape)
    return next(filter(None, alike), None) or alignment_fault(mask, reference)


def coverage(source: Grid, reference: Grid) -> float:
    """The share of the reference's box inside the source's box, sampled at 16 points per axis."""
    positions = [np.linspace(0, size - 1, 16) for size in reference.shape]
    points = np.stack([*np.meshgrid(*positions, indexing="ij"), np.ones((16, 16, 16))], axis=-1)
    index = points @ (np.linalg.inv(source.affine) @ reference.affine).T
    inside = (index[..., :3] >= -0.5) & (index[..., :3] <= np.asarray(source.shape) - 0.5)
    return float(inside.all(axis=-1).mean())


def center_of_mass(mask: NDArray[np.bool_]) -> Centroid | None:
    """The mean voxel of a mask [D, H, W]; None if it is empty."""
    voxels = np.nonzero(mask)
    if voxels[0].size == 0:
        return None
    first, second, third = (int(axis.sum()) / axis.size for axis in voxels)
    return first, second, third


def bounding_box(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each axis, the first true index and the index after the last one."""
    lines = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return np.array([line[0] for line in lines]), np.array([line[-1] + 1 for line in lines])
