"""The folds of the cerebral surface: sulci as thin sheets of fluid that run inwards from the hull.

Sheets are the zero level set of band-passed noise that depends only on the position on the surface, seen from the
inner axis of each lobe; their depth and width vary. The large fissures are placed by hand.
"""

from __future__ import annotations

import numpy as np

from study.phantoms.brain import Lattice, Person
from study.phantoms.shapes import Field, Points, band_noise

_CELL_MM = 2.0  # of the noise cubes
_SULCI = ((30.0, 22.0, 1.0), (17.0, 9.0, 0.75))  # wavelength on the surface and depth in mm, relative width


def arch(y: Field, z: Field) -> Field:
    """Distance in the midline to the outer edge of the corpus callosum, negative inside."""
    return np.asarray((np.sqrt(((y + 5) / 38) ** 2 + ((z - 4) / 24) ** 2) - 1) * 24, np.float32)


def folded(
    lattice: Lattice, half: Points, side: Field, cerebrum: Field, person: Person, rng: np.random.Generator
) -> tuple[Field, Field]:
    """Distance to the pial surface, negative in the parenchyma, and the share of fluid in the large fissures."""
    fissures = _fissures(half, person, lattice.noise(22, rng))
    pial = np.maximum(cerebrum, -fissures)
    for wavelength, depth, share in _SULCI:
        near = np.flatnonzero((cerebrum < 1) & (pial > -depth - 9))
        sheet = _sheets(
            lattice, half, side, -cerebrum, near, wavelength, depth, share * person.sulcus_mm, rng
        )
        pial[near] = np.maximum(pial[near], -sheet)
    return pial, np.asarray(
        np.clip(0.5 - fissures / np.float32(lattice.step_mm), 0, 1) * (cerebrum < 2), np.float32
    )


def _sheets(
    lattice: Lattice,
    half: Points,
    side: Field,
    depth: Field,
    near: np.ndarray[tuple[int], np.dtype[np.int64]],
    wavelength: float,
    depth_mm: float,
    width_mm: float,
    rng: np.random.Generator,
) -> Field:
    """Distance to the sulci at the voxels `near`; the halves are mirror images, displaced by a few mm."""
    from scipy import ndimage

    cube = band_noise(64, wavelength / _CELL_MM, 0.16, rng)
    on_surface, low = _projected(tuple(coordinate[near] for coordinate in half))
    places = [c + 0.22 * wavelength * side[near] * lattice.noise(45, rng)[near] for c in on_surface]
    value = ndimage.map_coordinates(
        cube, [c / np.float32(_CELL_MM) for c in places], order=1, mode="grid-wrap"
    )
    noise = np.zeros(lattice.shape, np.float32)
    flat = lattice.where[near]
    noise.reshape(-1)[flat] = value
    slope = np.sqrt(sum(np.square(g.ravel()[flat]) for g in np.gradient(noise, np.float32(lattice.step_mm))))
    slope = np.maximum(slope, np.float32(0.35 * 2 * np.pi / wavelength))
    reach = depth_mm * (1 - 0.45 * low) * (1 + np.float32(0.3) * lattice.noise(18, rng)[near])
    narrowing = (1.15 - 0.5 * np.clip(depth[near] / depth_mm, 0, 1)) * np.exp(
        0.45 * lattice.noise(24, rng)[near] - 0.15
    )
    across = np.abs(value) / slope - np.float32(width_mm / 2) * narrowing
    down = depth[near] - reach
    return np.asarray(np.where(down > 0, np.hypot(np.maximum(across, 0), down), across), np.float32)


def _projected(points: tuple[Field, ...]) -> tuple[Points, Field]:
    """Where the ray from the lobe's inner axis through each point meets its surface.

    The axis and the surface's radius (40 mm, 32 mm in the temporal lobe) change smoothly from lobe to lobe. The second
    value is the share of the temporal lobe.
    """
    _, y, z = points
    low = (
        1 / (1 + np.exp((z + 10 + 0.15 * (y + 10)) / 4)) / (1 + np.exp((-y - 60) / 6))
    )  # 1 in the temporal lobe
    axis = (22 + 22 * low, np.clip(y, -58, 26), 18 - 36 * low)
    rays = [point - centre for point, centre in zip(points, axis, strict=True)]
    reach = (40 - 8 * low) / (np.sqrt(sum(ray * ray for ray in rays)) + np.float32(1e-3))
    px, py, pz = (np.asarray(c + reach * ray, np.float32) for c, ray in zip(axis, rays, strict=True))
    return (px, py, pz), np.asarray(low, np.float32)


def _fissures(half: Points, person: Person, bend: Field) -> Field:
    """Distance to the interhemispheric and Sylvian fissures and the cistern around the insula."""
    x, y, z = half
    above = arch(y, z)
    width = 0.6 + 0.45 * person.sulcus_mm
    middle = np.where(above > 0, x, np.hypot(x, above)) - np.float32(width / 2)
    slope = z + 2.5 * bend - (-5 - 0.42 * y)
    lateral = np.maximum(np.abs(slope) * 0.92 - np.float32(width / 2), np.maximum(39 - x, np.abs(y + 8) - 30))
    insular = np.abs(x - 40 + 0.1 * np.abs(y) + 1.5 * bend) - np.float32(width * 0.7)
    around = (np.sqrt(((y - 2) / 21) ** 2 + ((z - 3) / 13) ** 2) - 1) * 13
    return np.asarray(np.minimum(middle, np.minimum(lateral, np.maximum(insular, around))), np.float32)
