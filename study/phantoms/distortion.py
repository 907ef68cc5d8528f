"""Distortion of echo-planar images by air near the skull base: voids, and bright bands where signal piles up."""

from __future__ import annotations

import numpy as np

from study.phantoms.brain import Brain
from study.phantoms.physics import GYROMAGNETIC_MHZ_PER_T
from study.phantoms.shapes import Field

_AIR_PPM = 9.4  # susceptibility of air relative to tissue (Schenck 1996)
_CAVITIES = (  # template centre and radius in mm: petrous bones, sphenoid and frontal sinus, ethmoid cells
    ((49.0, -22.0, -51.0), 13.0),
    ((-49.0, -22.0, -51.0), 13.0),
    ((0.0, 22.0, -43.0), 15.0),
    ((0.0, 62.0, -40.0), 15.0),
)


def air_field(brain: Brain, rng: np.random.Generator) -> Field:
    """Field shift in ppm outside air-filled spheres: Δχ/3 · (a/r)³ · (3 cos²θ − 1), shimmed to first order."""
    total = np.zeros_like(brain.fluid)
    for (cx, cy, cz), radius in _CAVITIES:
        radius *= float(rng.uniform(0.75, 1.1))
        x, y, z = (
            brain.points[0] - np.float32(cx),
            brain.points[1] - np.float32(cy),
            brain.points[2] - np.float32(cz),
        )
        squared = np.maximum(x * x + y * y + z * z, np.float32(radius**2))
        total += (
            np.float32(_AIR_PPM / 3 * radius**3) * (3 * z * z / squared - 1) / (squared * np.sqrt(squared))
        )
    seen = np.flatnonzero(brain.inside < 0)[::50]
    design = np.stack([np.ones(len(seen)), *(coordinate[seen] for coordinate in brain.points)], axis=1)
    fit = np.linalg.lstsq(design, total[seen], rcond=None)[0]
    total -= np.float32(fit[0])
    for coordinate, slope in zip(brain.points, fit[1:], strict=True):
        total -= np.float32(slope) * coordinate
    return total


def echo_planar(
    images: list[Field], brain: Brain, field_ppm: Field, field_t: float, readout_ms: float, polarity: int
) -> list[Field]:
    """Images `[n]` on the whole grid, with signal moved along the phase-encoding axis (y) and its total kept.

    The shift is Δf · T_readout in voxels of the encoded field of view (230 mm on 120 lines), at most 16 mm.
    """
    lattice, line_mm = brain.lattice, 230 / 120
    hertz = field_ppm * np.float32(GYROMAGNETIC_MHZ_PER_T * field_t)
    shift = np.clip(hertz * np.float32(polarity * readout_ms * 1e-3 * line_mm), -16, 16) / np.float32(
        lattice.step_mm
    )
    _, rows, slices = lattice.shape
    row = lattice.where // slices % rows
    target = row + shift
    lower = np.floor(target).astype(np.int64)
    share = (target - lower).astype(np.float64)
    first = lattice.where + (np.clip(lower, 0, rows - 1) - row) * slices
    second = lattice.where + (np.clip(lower + 1, 0, rows - 1) - row) * slices
    size = int(np.prod(lattice.shape))
    moved = []
    for image in images:
        total = np.bincount(first, image * (1 - share), size) + np.bincount(second, image * share, size)
        moved.append(total.reshape(lattice.shape).astype(np.float32))
    return moved
