"""Building blocks of brains: signed distances of simple bodies, and smooth random fields.

Coordinates are arrays in mm; distances are negative inside. A `Points` triple holds broadcastable x, y, z.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]
Points = tuple[Field, Field, Field]
Triple = tuple[float, float, float]


def ellipsoid(points: Points, center: Triple, radii: Triple) -> Field:
    """Distance to an axis-aligned ellipsoid, exact on its surface and to first order near it."""
    near, far = np.zeros(1, np.float32), np.zeros(1, np.float32)
    for coordinate, middle, radius in zip(points, center, radii, strict=True):
        offset = (coordinate - np.float32(middle)) / np.float32(radius)
        offset *= offset
        near = np.asarray(near + offset, np.float32)
        far = np.asarray(far + offset / np.float32(radius**2), np.float32)
    near = np.sqrt(near)
    return np.asarray(near * (near - 1) / np.sqrt(np.maximum(far, 1e-12)), np.float32)


def capsule(points: Points, start: Triple, end: Triple, radius: float) -> Field:
    """Distance to a tube with round ends."""
    axis = np.subtract(end, start)
    length = float(axis @ axis) or 1e-9
    offsets = [coordinate - np.float32(first) for coordinate, first in zip(points, start, strict=True)]
    along = sum(offset * np.float32(part / length) for offset, part in zip(offsets, axis, strict=True))
    along = np.clip(along, 0, 1)
    squared = sum(
        (offset - along * np.float32(part)) ** 2 for offset, part in zip(offsets, axis, strict=True)
    )
    return np.asarray(np.sqrt(squared) - np.float32(radius), np.float32)


def tube(points: Points, path: npt.ArrayLike, radius: float) -> Field:
    """Distance to a polyline `[n, 3]` of constant radius."""
    knots = np.asarray(path, float)
    distance = capsule(points, tuple(knots[0]), tuple(knots[1]), radius)
    for start, end in pairwise(knots[1:]):
        np.minimum(distance, capsule(points, tuple(start), tuple(end), radius), out=distance)
    return distance


def smooth_union(first: Field, second: Field, width: float) -> Field:
    """Union of two bodies, rounded over about `width` mm where they meet."""
    share = np.clip(0.5 + (second - first) * np.float32(0.5 / width), 0, 1)
    return np.asarray(second + (first - second) * share - np.float32(width) * share * (1 - share), np.float32)


def coverage(distance: Field, step_mm: float) -> Field:
    """The share of a voxel of that size that lies inside a body, from the distance of its centre."""
    return np.asarray(np.clip(0.5 - distance / np.float32(step_mm), 0, 1), np.float32)


def smooth_noise(
    axes: list[npt.NDArray[np.float64]], wavelength_mm: float, rng: np.random.Generator
) -> Field:
    """Random field of unit variance on the grid of three axes, smooth on the scale of a wavelength.

    It is white noise on a coarse lattice, interpolated by Gaussians of the distance along each axis.
    """
    step, sigma = wavelength_mm / 3, wavelength_mm / 4
    weights = []
    for axis in axes:
        knots = np.arange(axis[0] - 2 * step, axis[-1] + 2.01 * step, step)
        kernel = np.exp(-0.5 * ((axis[:, None] - knots) / sigma) ** 2)
        weights.append((kernel / np.linalg.norm(kernel, axis=1, keepdims=True)).astype(np.float32))
    field = rng.standard_normal([len(kernel[0]) for kernel in weights], dtype=np.float32)
    for kernel in weights:
        field = np.tensordot(field, kernel, axes=(0, 1))
    return np.ascontiguousarray(field)


def band_noise(size: int, wavelength: float, bandwidth: float, rng: np.random.Generator) -> Field:
    """Periodic cube `[size, size, size]` of unit variance around one wavelength (in cells; relative bandwidth)."""
    from scipy import fft

    spectrum = fft.rfftn(rng.standard_normal((size,) * 3, dtype=np.float32), workers=1)
    along = np.fft.fftfreq(size).astype(np.float32)
    frequency = np.sqrt(
        along[:, None, None] ** 2 + along[None, :, None] ** 2 + np.fft.rfftfreq(size).astype(np.float32) ** 2
    )
    spectrum *= np.exp(-0.5 * ((frequency * wavelength - 1) / bandwidth) ** 2)
    field = fft.irfftn(spectrum, (size,) * 3, workers=1)
    return np.asarray((field - field.mean()) / field.std(), np.float32)
