"""A brain mask for subjects that have none."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from study.imaging.geometry import bounding_box
from study.imaging.volume import Volume

BLANK = 1e-3  # of the 99th percentile: below it a voxel counts as zero
STRIPPED = 0.2  # share of blank voxels from which an image counts as skull-stripped
SMOOTHING_MM = 2.0
FLAT = 1e-4  # a range that small, over the maximum, is no contrast; float32 cannot hold a histogram of it
SAFE = (
    1e-30,
    1e30,
)  # maxima outside of it are computed in double precision, as float32 would over- or underflow
CONTRAST = (
    0.5  # ratio of background to foreground mean from which there is no background: a crop inside the brain
)


def derive_brain(volume: Volume) -> NDArray[np.bool_]:
    """The brain (of a skull-stripped image) or the head (of another) as a mask [D, H, W].

    In a skull-stripped image, voxels that are not zero; in another, Otsu's threshold on the smoothed image. Of these
    the largest component, with its holes filled. All false for an image without signal.
    """
    magnitude = np.abs(volume.data)
    largest = magnitude.max(initial=0)
    if not largest:
        return np.zeros(magnitude.shape, bool)
    if not SAFE[0] < largest < SAFE[1]:
        magnitude = magnitude.astype(np.float64)
    signal = magnitude[magnitude > 0]
    present = magnitude > BLANK * np.percentile(signal, 99)
    if present.mean() > 1 - STRIPPED:
        present = _bright(magnitude, volume.grid.spacing_mm)
    return _filled(_largest(present))


def _largest(present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest component; with a margin, because cc3d 4.1 fails on some arrays that are one voxel thin."""
    padded = np.pad(present, 1) if 1 in present.shape else present
    largest: NDArray[np.bool_] = cc3d.largest_k(padded, k=1, connectivity=26) > 0
    return largest[1:-1, 1:-1, 1:-1] if 1 in present.shape else largest


def _bright(magnitude: NDArray[np.floating], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    smooth = ndimage.gaussian_filter(magnitude, [SMOOTHING_MM / spacing for spacing in spacing_mm])
    clipped = np.minimum(smooth, np.percentile(smooth, 99.5))
    if np.ptp(clipped) < FLAT * clipped.max():
        return np.ones(magnitude.shape, bool)
    threshold = _otsu(clipped)
    bright: NDArray[np.bool_] = smooth > threshold
    if bright.all() or smooth[~bright].mean() > CONTRAST * smooth[bright].mean():
        return np.ones(magnitude.shape, bool)
    return bright


def _otsu(values: NDArray[np.floating]) -> float:
    """The threshold with the largest variance between two classes (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""
    counts, edges = np.histogram(values, 256)
    centers = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    total = np.cumsum(counts * centers)
    mean_below = total[:-1] / np.maximum(below, 1)
    mean_above = (total[-1] - total[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (mean_above - mean_below) ** 2)])


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask with its holes filled; computed inside its bounding box only, for speed."""
    start, stop = bounding_box(mask)
    region = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    result = mask.copy()
    result[region] = ndimage.binary_fill_holes(mask[region])
    return result
