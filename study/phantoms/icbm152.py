"""Brains deformed from the ICBM152 template: grey and white matter and T1 of the package nilearn.

The maps (ICBM 152 nonlinear symmetric 2009a, Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033) are means over
152 people, and therefore blurred. Here they become one person: a strong smooth deformation, not the same on both sides;
sulci that are cut out of the blur at a level that follows atrophy; ventricles that widen with it. Deep nuclei, tracts,
folia, vessels, territories and cavities are those of the procedural brain, which has the same coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from study.errors import ConfigError
from study.phantoms.anatomy import (
    HIGHEST_MM,
    LOWEST_MM,
    deep_nuclei,
    folia_share,
    hulls,
    limbic_places,
    tracts,
)
from study.phantoms.brain import Brain, Lattice, Person
from study.phantoms.shapes import Field, Points, coverage, smooth_noise

DEFORMATION_MM = {90.0: 3.5, 45.0: 1.5, 22.0: 0.7}  # wavelength to standard deviation along each axis
FLUID_LEVEL = (0.26, 0.05)  # share of fluid in the mean at a sulcus's edge, without and with atrophy
SHARPNESS = 0.08  # range of shares around that level over which a voxel fills with fluid
VENTRICLES = ((-42.0, -72.0, -38.0), (42.0, 42.0, 38.0))  # box in MNI mm; fluid in it, deep in the brain
LEAF_MM = 6.0  # distance between clefts of the cerebellum
DEPTH_MM = 14.0  # below the surface from which fluid in that box is ventricle
NEAR_MM = 6.0  # kept around the brain


@dataclass(frozen=True)
class Template:
    """Maps `[X, Y, Z]` at 1 mm with the origin of MNI space.

    Attributes:
        origin_mm: of the first voxel.
        grey, fluid: shares; the rest of the brain is white matter.
        surface, ventricles: distances in mm, negative inside.
    """

    origin_mm: np.ndarray[tuple[int], np.dtype[np.float64]]
    grey: Field
    fluid: Field
    surface: Field
    ventricles: Field

    def at(self, name: str, points: Points, outside: float) -> Field:
        """A map by its attribute's name at points `[n]`, interpolated linearly."""
        from scipy import ndimage

        index = [point - np.float32(first) for point, first in zip(points, self.origin_mm, strict=True)]
        found = ndimage.map_coordinates(getattr(self, name), index, order=1, cval=outside)
        return np.asarray(found, np.float32)


def require_icbm152() -> Path:
    """The folder of the maps; nothing of nilearn is imported.

    Raises:
        ConfigError: nilearn is not installed, or has no such maps.
    """
    found = find_spec("nilearn")
    folder = (
        Path(next(iter(found.submodule_search_locations or [""]))) / "datasets" / "data" if found else None
    )
    if folder is None or not all((folder / name).is_file() for name in _FILES.values()):
        raise ConfigError(
            [
                "cohort.phantom.anatomy: icbm152 needs the maps of nilearn, which is not installed; "
                "pip install 'fadeout[anatomy]', or set cohort.phantom.anatomy=procedural"
            ]
        )
    return folder


_FILES = {name: f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz" for name in ("gm", "wm", "t1")}


@cache
def template() -> Template:
    """The maps, read once per process; raises ConfigError like `require_icbm152`."""
    import edt
    import nibabel

    folder = require_icbm152()
    images = {name: nibabel.load(folder / file) for name, file in _FILES.items()}
    origin = np.asarray(images["t1"].affine[:3, 3], float)
    maps = {name: np.asarray(image.dataobj, np.float32) / 255 for name, image in images.items()}
    brain = maps["t1"] > 0
    tissue = maps["gm"] + maps["wm"]
    fluid = np.where(brain, np.clip(1 - tissue, 0, 1), 1).astype(np.float32)
    surface = edt.edt(~brain) - edt.edt(brain)
    low, high = (np.asarray(corner) - origin for corner in VENTRICLES)
    places = np.ogrid[tuple(slice(size) for size in brain.shape)]
    box = np.logical_and.reduce(
        np.broadcast_arrays(*((p >= a) & (p <= b) for p, a, b in zip(places, low, high, strict=True)))
    )
    deep = box & (surface < -DEPTH_MM) & (fluid > 0.5)
    return Template(
        origin_mm=origin,
        grey=np.asarray(maps["gm"] / np.maximum(tissue, 0.02), np.float32),
        fluid=fluid,
        surface=np.asarray(surface, np.float32),
        ventricles=np.asarray(edt.edt(~deep) - edt.edt(deep), np.float32),
    )


def build_icbm152(person: Person, step_mm: float, rng: np.random.Generator) -> Brain:
    """Build a person's tissue map on a grid of that step; raises ConfigError like `require_icbm152`."""
    maps = template()
    lattice, points = _lattice(maps, person, step_mm, rng)
    half = (np.abs(points[0]), points[1], points[2])
    surface = maps.at("surface", points, 30.0)
    ventricles = maps.at("ventricles", points, 30.0) - _widening_mm(person, points, rng)
    fluid = np.maximum(_sulci(maps, person, lattice, points, rng), coverage(ventricles, 1.5))
    clefts = folia_share(_leaves(lattice, half, rng), surface) * _cerebellum(half)
    fluid = np.maximum(fluid, (0.2 + 0.45 * person.atrophy) * clefts)
    rough = 0.4 * lattice.noise(16, rng) + 0.2 * lattice.noise(8, rng)
    shares = _shares(maps, points, half)
    limbic = shares["grey"] * limbic_places(half)
    for name in ("striatum", "pallidum", "thalamus"):
        limbic *= 1 - shares[name]
    return Brain(
        person=person,
        lattice=lattice,
        points=points,
        inside=np.asarray(surface + rough - np.float32(rng.uniform(-0.5, 0.8)), np.float32),
        ventricles=np.asarray(ventricles, np.float32),
        fluid=np.asarray(fluid, np.float32),
        limbic=np.asarray(limbic, np.float32),
        tracts=tracts(half),
        shares=shares,
    )


def _lattice(
    maps: Template, person: Person, step_mm: float, rng: np.random.Generator
) -> tuple[Lattice, Points]:
    """The voxels in and near the deformed brain, and their template coordinates."""
    low, high = LOWEST_MM * person.scale, HIGHEST_MM * person.scale
    shape = np.ceil((high - low) / step_mm).astype(int)
    axes = [low[i] + step_mm * np.arange(shape[i]) for i in range(3)]
    columns = np.ix_(
        *[(axis / scale).astype(np.float32) for axis, scale in zip(axes, person.scale, strict=True)]
    )
    bent = []
    for column in columns:
        place = np.broadcast_to(column, shape).astype(np.float32)
        for wavelength, deviation in DEFORMATION_MM.items():
            place = place + np.float32(deviation) * smooth_noise(axes, wavelength, rng)
        bent.append(place)
    surface = maps.at("surface", (bent[0], bent[1], bent[2]), 30.0)
    where = np.flatnonzero(surface < NEAR_MM)
    x, y, z = (np.asarray(place.ravel()[where], np.float32) for place in bent)
    return Lattice(low, step_mm, (int(shape[0]), int(shape[1]), int(shape[2])), where), (x, y, z)


def _widening_mm(person: Person, points: Points, rng: np.random.Generator) -> Field:
    """How far the ventricles' walls lie outside the template's; left and right differ."""
    uneven = float(rng.normal(0, 0.15))
    wide = 3.0 * (person.ventricle - 0.8)
    return np.asarray(wide * (1 + uneven * np.tanh(points[0] / 5)), np.float32)


def _sulci(
    maps: Template, person: Person, lattice: Lattice, points: Points, rng: np.random.Generator
) -> Field:
    """The share of fluid, cut out of the mean at a level that varies from place to place."""
    young, old = FLUID_LEVEL
    level = young + (old - young) * person.atrophy + 0.05 * lattice.noise(25, rng)
    mean = maps.at("fluid", points, 1.0)
    return np.asarray(np.clip(0.5 + (mean - np.maximum(level, 0.04)) / SHARPNESS, 0, 1), np.float32)


def _leaves(lattice: Lattice, half: Points, rng: np.random.Generator) -> Field:
    """Waves from -1 to 1 in shells around the front of the cerebellum, as its leaves lie."""
    x, y, z = half
    radius = np.sqrt((0.7 * x) ** 2 + (y + 36) ** 2 + (0.6 * (z + 36)) ** 2)
    return np.asarray(np.sin(2 * np.pi / LEAF_MM * radius + 2 * lattice.noise(18, rng)), np.float32)


def _cerebellum(half: Points) -> Field:
    """Where the cerebellum is, from 0 to 1, with its fluid."""
    _, below, stem = hulls(half)
    return np.asarray(coverage(below - 3, 4.0) * (half[2] < -12) * (1 - coverage(stem, 4.0)), np.float32)


def _shares(maps: Template, points: Points, half: Points) -> dict[str, Field]:
    """The share of each tissue in the parenchyma, where it is not white matter."""
    grey = np.clip(0.5 + (maps.at("grey", points, 0.0) - 0.5) / 0.6, 0, 1)
    in_stem, in_cerebellum = coverage(hulls(half)[2], 4.0), _cerebellum(half)
    shares: dict[str, Field] = {
        "brainstem": in_stem,
        "cerebellum": in_cerebellum * grey,
        "grey": grey * (1 - in_cerebellum - in_stem),
    }
    for name, distance in deep_nuclei(half).items():
        share = coverage(distance, 3.0)
        for other in tuple(shares):
            shares[other] = shares[other] * (1 - share)
        shares[name] = share
    return {name: np.asarray(share, np.float32) for name, share in shares.items()}
