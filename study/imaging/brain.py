"""Where the brain lies when nobody says so."""

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
CONTRAST = (
    0.5  # background to foreground mean from which there is no background at all (a crop inside the brain)
)


def derive_brain(volume: Volume) -> NDArray[np.bool_]:
    """The brain (of a skull-stripped image) or the head (of another) as a mask [D, H, W].

    Skull-stripped: what is not zero. Otherwise: Otsu's threshold on the smoothed image. Then the largest
    component, holes filled. All false for an image without signal.
    """
    magnitude = np.abs(volume.data)
    signal = magnitude[magnitude > 0]
    if not signal.size:
        return np.zeros(magnitude.shape, bool)
    present = magnitude > BLANK * np.percentile(signal, 99)
    if present.mean() > 1 - STRIPPED:
        present = _bright(magnitude, volume.grid.spacing_mm)
    largest = cc3d.largest_k(present, k=1, connectivity=26) > 0
    return _filled(largest)


def _bright(magnitude: NDArray[np.float32], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    smooth = ndimage.gaussian_filter(magnitude, [SMOOTHING_MM / spacing for spacing in spacing_mm])
    threshold = _otsu(np.minimum(smooth, np.percentile(smooth, 99.5)))
    bright: NDArray[np.bool_] = smooth > threshold
    if bright.all() or smooth[~bright].mean() > CONTRAST * smooth[bright].mean():
        return np.ones(magnitude.shape, bool)
    return bright


def _otsu(values: NDArray[np.float32]) -> float:
    """The threshold that separates two classes best (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""
    counts, edges = np.histogram(values, 256)
    centers = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    total = np.cumsum(counts * centers)
    mean_below = total[:-1] / np.maximum(below, 1)
    mean_above = (total[-1] - total[:-1]) / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * (mean_above - mean_below) ** 2)])


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Holes closed, worked out inside the bounding box only."""
    start, stop = bounding_box(mask)
    region = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    result = mask.copy()
    result[region] = ndimage.binary_fill_holes(mask[region])
    return result
