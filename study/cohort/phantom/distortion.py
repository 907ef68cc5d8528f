"""What air near the skull base does to echo-planar images: voids, and bright bands where signal piles up."""

from __future__ import annotations

import numpy as np

from study.cohort.phantom.anatomy import Brain
from study.cohort.phantom.physics import GYROMAGNETIC_MHZ_PER_T
from study.cohort.phantom.shapes import Field

_AIR_PPM = 9.4  # susceptibility of air relative to tissue (Schenck 1996)
_CAVITIES = (  # template centre and radius in mm: petrous bones, sphenoid and frontal sinus, ethmoid cells
    ((50.0, -24.0, -42.0), 11.0),
    ((-50.0, -24.0, -42.0), 11.0),
    ((0.0, 22.0, -38.0), 14.0),
    ((0.0, 58.0, -34.0), 13.0),
)


def air_field(brain: Brain, rng: np.random.Generator) -> Field:
    """Field shift in ppm outside air-filled spheres: Δχ/3 · (a/r)³ · (3 cos²θ − 1), shimmed to first order."""
    total = np.zeros_like(brain.fluid)
    for (cx, cy, cz), radius in _CAVITIES:
        radius *= float(rng.uniform(0.75, 1.1))
        x, y, z = brain.points[0] - np.float32(cx), brain.points[1] - np.float32(cy), brain.points[2] - np.float32(cz)
        squared = np.maximum(x * x + y * y + z * z, np.float32(radius**2))
        total += np.float32(_AIR_PPM / 3 * radius**3) * (3 * z * z / squared - 1) / (squared * np.sqrt(squared))
    seen = brain.inside[::4, ::4, ::4] < 0
    design = np.stack([np.ones(int(seen.sum())), *(p[::4, ::4, ::4][seen] for p in brain.points)], axis=1)
    fit = np.linalg.lstsq(design, total[::4, ::4, ::4][seen], rcond=None)[0]
    total -= np.float32(fit[0])
    for coordinate, slope in zip(brain.points, fit[1:], strict=True):
        total -= np.float32(slope) * coordinate
    return total


def echo_planar(
    images: list[Field], brain: Brain, field_ppm: Field, field_t: float, readout_ms: float, polarity: int
) -> list[Field]:
    """Images with each voxel's signal moved along the phase-encoding axis (anterior-posterior), total kept.

    The shift is Δf · T_readout in voxels of the encoded field of view (230 mm on 120 lines), at most 16 mm.
    """
    hertz = field_ppm * np.float32(GYROMAGNETIC_MHZ_PER_T * field_t)
    line_mm = 230 / 120
    shift = np.clip(hertz * np.float32(polarity * readout_ms * 1e-3 * line_mm), -16, 16) / np.float32(brain.step_mm)
    size = shift.shape
    source = np.flatnonzero(brain.inside < 6)
    column, row = np.divmod(source, size[1] * size[2])
    row, depth = np.divmod(row, size[2])
    target = row + shift.ravel()[source]
    lower = np.floor(target).astype(np.int64)
    upper_share = (target - lower).astype(np.float64)
    base = column * size[1] * size[2] + depth
    low_index = base + np.clip(lower, 0, size[1] - 1) * size[2]
    high_index = base + np.clip(lower + 1, 0, size[1] - 1) * size[2]
    moved = []
    for image in images:
        values = image.ravel()[source].astype(np.float64)
        total = np.bincount(low_index, values * (1 - upper_share), image.size)
        total += np.bincount(high_index, values * upper_share, image.size)
        moved.append(total.reshape(size).astype(np.float32))
    return moved
