"""Masks of a simulated lesion or clot on the voxels of an image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from study.phantoms.acquisition import VoxelGrid
from study.phantoms.shapes import Field

Mask = npt.NDArray[np.bool_]
SMOOTH_MM = (0.5, 2.0)  # standard deviation of what an expert's hand leaves out, in a slice; assumed
LEVEL = (0.3, 0.55)  # share of the lesion at the outline: below one half, masks are too large; assumed
SLICE_LEVEL = 0.05  # standard deviation from slice to slice; assumed


def largest(share: Field) -> Mask:
    """A mask whose volume is the sum of the shares: that many voxels with the largest shares, at least one."""
    flat = share.ravel()
    mask = np.zeros(flat.size, bool)
    order = np.argsort(-flat, kind="stable")
    mask[order[: max(1, round(float(flat.sum())))]] = True
    return (mask & (flat > 0)).reshape(share.shape)


def as_drawn(share: Field, grid: VoxelGrid, rng: np.random.Generator) -> Mask:
    """A mask as an expert draws it: slice by slice, with a smooth outline that lies a little too far out or in.

    Args:
        share: `[X, Y, Z]` on the grid's box, of the lesion in each voxel; Z runs through the slices.
        grid: of the image.
        rng: draws the expert.
    """
    from scipy import ndimage

    sigma_mm, level = rng.uniform(*SMOOTH_MM), rng.uniform(*LEVEL)
    levels = np.clip(level + rng.normal(0, SLICE_LEVEL, share.shape[2]), 0.1, 0.9)
    smooth = ndimage.gaussian_filter(share, (*(sigma_mm / grid.spacing_mm[:2]), 0))
    mask = np.asarray(smooth > levels)
    return mask if mask.any() else largest(share)  # nobody overlooks a lesion altogether


def center_of_mass_mm(mask: Mask, grid: VoxelGrid) -> npt.NDArray[np.float64] | None:
    """Center of mass in scanner mm of a mask on the box of a grid; None if it is empty."""
    if not mask.any():
        return None
    return np.asarray(grid.box_affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + grid.box_affine[:3, 3])
