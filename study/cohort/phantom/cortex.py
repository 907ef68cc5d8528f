"""How the cerebral surface folds: sulci as thin sheets of fluid that run inwards from the hull.

Sheets are the zero level set of band-passed noise that depends on the position on the surface only, as seen from the
inner axis of each lobe; their depth and width vary. The great fissures are placed by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from study.cohort.phantom.shapes import Field, Points, band_noise

if TYPE_CHECKING:
    from study.cohort.phantom.anatomy import Person

_CELL_MM = 2.0  # of the noise cubes


def folded(
    half: Points,
    x: Field,
    cerebrum: Field,
    temporal: Field,
    person: Person,
    step_mm: float,
    rng: np.random.Generator,
) -> tuple[Field, Field]:
    """Distance to the pial surface, negative in the parenchyma, and the share of fluid in the great fissures."""
    fissures = _fissures(half, person)
    pial = np.maximum(cerebrum, -fissures)
    shell = (cerebrum < 1) & (pial > -45)
    for wavelength, depth, share in ((30.0, 21.0, 1.0), (17.0, 9.0, 0.75)):
        sheet = _sheets(half, x, cerebrum, temporal, shell, wavelength, depth, share * person.sulcus_mm, step_mm, rng)
        np.maximum(pial, -sheet, out=pial)
    return pial, np.clip(0.5 - fissures / np.float32(step_mm), 0, 1) * (cerebrum < 2)


def _sheets(
    half: Points,
    x: Field,
    cerebrum: Field,
    temporal: Field,
    shell: Field,
    wavelength: float,
    depth_mm: float,
    width_mm: float,
    step_mm: float,
    rng: np.random.Generator,
) -> Field:
    from scipy import ndimage

    cube = band_noise(64, wavelength / _CELL_MM, 0.16, rng)
    where = np.nonzero(shell)
    on_surface = _projected(tuple(c[where] for c in half))
    side = np.where(x[where] > 0, 1, -1).astype(np.float32)
    mirrored = [c / _CELL_MM for c in on_surface]
    own = [c / _CELL_MM + side * np.float32(20 + 3 * axis) for axis, c in enumerate(on_surface)]
    value = np.float32(0.75) * ndimage.map_coordinates(cube, mirrored, order=1, mode="grid-wrap")
    value += np.float32(0.66) * ndimage.map_coordinates(cube, own, order=1, mode="grid-wrap")
    noise = np.zeros(shell.shape, np.float32)
    noise[where] = value
    slope = np.sqrt(sum(np.square(g) for g in np.gradient(noise, np.float32(step_mm))))
    slope = np.maximum(slope[where], np.float32(0.35 * 2 * np.pi / wavelength))
    elsewhere = [c / _CELL_MM / 2 + np.float32(31) for c in on_surface]
    reach = depth_mm * (1 + np.float32(0.3) * ndimage.map_coordinates(cube, elsewhere, order=1, mode="grid-wrap"))
    depth = -cerebrum[where]
    across = np.abs(value) / slope - np.float32(width_mm / 2) * (1.15 - 0.5 * np.clip(depth / depth_mm, 0, 1))
    down = depth - reach
    sheet = np.full(shell.shape, 50, np.float32)
    sheet[where] = np.where(down > 0, np.hypot(np.maximum(across, 0), down), across)
    return sheet


def _projected(points: tuple[Field, ...]) -> Points:
    """Where the ray from the lobe's inner axis through each point meets a surface 40 mm away."""
    x, y, z = points
    low = 1 / (1 + np.exp((z + 10 + 0.15 * (y + 10)) / 4)) / (1 + np.exp((-y - 60) / 6))  # 1 in the temporal lobe
    axis = (22 + 22 * low, np.clip(y, -58, 26), 18 - 36 * low)
    rays = [point - centre for point, centre in zip(points, axis, strict=True)]
    length = np.sqrt(sum(ray * ray for ray in rays)) + np.float32(1e-3)
    px, py, pz = (np.asarray(c + 40 * r / length, np.float32) for c, r in zip(axis, rays, strict=True))
    return px, py, pz


def _fissures(half: Points, person: Person) -> Field:
    """Distance to the interhemispheric and Sylvian fissures and the cistern around the insula."""
    x, y, z = half
    arch = (np.sqrt(((y + 5) / 38) ** 2 + ((z - 4) / 24) ** 2) - 1) * 24
    width = 0.5 + 0.45 * person.sulcus_mm
    middle = np.where(arch > 0, x, np.hypot(x, arch)) - np.float32(width / 2)
    slope = z - (-5 - 0.42 * y)
    lateral = np.maximum(np.abs(slope) * 0.92 - np.float32(width / 2), np.maximum(39 - x, np.abs(y + 8) - 30))
    insular = np.abs(x - 40 + 0.1 * np.abs(y)) - np.float32(width * 0.7)
    around = (np.sqrt(((y - 2) / 21) ** 2 + ((z - 3) / 13) ** 2) - 1) * 13
    return np.asarray(np.minimum(middle, np.minimum(lateral, np.maximum(insular, around))), np.float32)
