"""Plaques of multiple sclerosis: at the ventricles, under the cortex, in the corpus callosum, deep, and below.

Plaques at the ventricles are ovals that stand on their wall (Dawson's fingers). Volumes, numbers, places and how
plaques change from one examination to the next are assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.phantoms.altered import Patch, Pathology, Relaxation, volume_ml
from study.phantoms.brain import Brain
from study.phantoms.cortex import arch
from study.phantoms.shapes import Field

Vector = npt.NDArray[np.float64]

SITES = {
    "periventricular": 0.42,
    "juxtacortical": 0.22,
    "deep": 0.24,
    "callosal": 0.06,
    "infratentorial": 0.06,
}
_SPARED = dict.fromkeys(SITES, 0.8) | {
    "juxtacortical": 0.4,
    "infratentorial": 0.0,
}  # share of the cortex left alone
_MOST = 110  # plaques of a person
_EDGE_MM = 1.6  # over which a plaque fades into normal tissue
_BORN_LATER = 0.15  # share of plaques that appear between examinations


@dataclass(frozen=True)
class Plaque:
    """One plaque.

    Attributes:
        site: one of SITES.
        center_mm: in the coordinates of the lattice.
        axis: unit vector of its longest axis.
        radii_mm: along the axis and across it, at the first examination that shows it.
        born: number of that examination, from 1.
        growth: of the radii, per examination.
        severity: from 0 (plaque) to 1 (destroyed tissue).
    """

    site: str
    center_mm: Vector
    axis: Vector
    radii_mm: tuple[float, float]
    born: int
    growth: float
    severity: float


def draw_plaques(brain: Brain, median_ml: float, visits: int, rng: np.random.Generator) -> list[Plaque]:
    """Draw all plaques that a patient has by the last of several examinations."""
    wanted_ml = float(np.clip(median_ml * np.exp(0.8 * rng.standard_normal()), 0.8, 55))
    places = _places(brain)
    names = [name for name in SITES if len(places[name])]
    weights = np.array([SITES[name] for name in names])
    typical_mm = 2.1 + 0.35 * np.log2(1 + wanted_ml)  # whoever has much has large ones
    plaques: list[Plaque] = []
    total_ml = 0.0
    while total_ml < wanted_ml and len(plaques) < _MOST:
        site = names[int(rng.choice(len(names), p=weights / weights.sum()))]
        radius = float(np.clip(np.exp(rng.normal(np.log(typical_mm), 0.42)), 1.5, 9))
        later = visits > 1 and rng.random() < _BORN_LATER
        plaque = _placed(brain, places[site], site, radius, rng)
        born = int(rng.integers(2, visits + 1)) if later else 1
        growth, severity = float(rng.normal(0.01, 0.03)), float(rng.beta(1.2, 2.6))
        along, across = plaque[2]
        plaques.append(Plaque(site, plaque[0], plaque[1], (along, across), born, growth, severity))
        total_ml += 4.19e-3 * along * across**2 * (0.0 if later else 0.75)
    return plaques


def show_plaques(
    brain: Brain,
    plaques: list[Plaque],
    visit: int,
    tissues: Mapping[str, Relaxation],
    rng: np.random.Generator,
) -> Pathology:
    """The plaques that an examination shows; new ones are active and take up contrast agent.

    Args:
        brain: of the patient.
        plaques: all that the patient gets.
        visit: number of the examination, from 1.
        tissues: altered tissue by name.
        rng: the patient's, so that plaques keep their shape.
    """
    lattice = brain.lattice
    rows = np.full(lattice.shape, -1, np.int32)
    rows.reshape(-1)[lattice.where] = np.arange(len(lattice.where), dtype=np.int32)
    rough = 0.45 * lattice.noise(7, rng) + 0.3 * lattice.noise(4, rng)
    chance = rng.random(len(plaques))  # of being active at the first examination
    region = np.zeros_like(brain.fluid)
    pathology = Pathology(regions={"lesion": region})
    shown = []
    for plaque, drawn in zip(plaques, chance, strict=True):
        if plaque.born > visit:
            continue
        active = plaque.born == visit > 1 or (plaque.born == visit and drawn < 0.08)
        where, share = _extent(brain, rows, rough, plaque, visit)
        tissue = tissues["plaque"].towards(tissues["hole"], plaque.severity)
        pathology.patches.append(Patch(where, share, tissues["active"] if active else tissue))
        region[where] = np.maximum(region[where], share * (1 - brain.fluid[where]))
        shown.append({"site": plaque.site, "lattice_mm": plaque.center_mm, "active": bool(active)})
    pathology.truth = {"visit": visit, "plaques": shown, "simulated_ml": volume_ml(region, brain)}
    return pathology


def _places(brain: Brain) -> dict[str, npt.NDArray[np.int64]]:
    """For each site, the voxels in which a plaque may lie."""
    x, y, z = brain.points
    shares, grey = brain.shares, brain.shares["grey"]
    nuclei = shares["striatum"] + shares["pallidum"] + shares["thalamus"]
    above = (shares["cerebellum"] + shares["brainstem"] < 0.1) & (nuclei < 0.1) & (z > -16)
    white = (brain.fluid < 0.15) & above & (brain.inside < -3)
    crossing = (np.abs(x) < 13) & (arch(y, z) < -0.5) & (arch(y, z) > -5)
    below = (shares["brainstem"] > 0.8) | ((z < -25) & (y < -40) & (shares["cerebellum"] < 0.3))
    lateral = white & (np.abs(x) > 7) & (grey < 0.2)
    places = {
        "periventricular": lateral & (brain.ventricles > 0.3) & (brain.ventricles < 2.2),
        "juxtacortical": white & (grey > 0.3) & (grey < 0.7) & (np.abs(x) > 12),
        "deep": lateral & (grey < 0.02) & (brain.ventricles > 6),
        "callosal": white & crossing & (brain.ventricles > 0.3),
        "infratentorial": (brain.fluid < 0.1) & (brain.inside < -4) & below,
    }
    return {name: np.flatnonzero(there) for name, there in places.items()}


def _placed(
    brain: Brain, where: npt.NDArray[np.int64], site: str, radius: float, rng: np.random.Generator
) -> tuple[Vector, Vector, tuple[float, float]]:
    """The center in lattice mm, the axis, and the radii along it and across, of a plaque at one of the voxels."""
    lattice, spot = brain.lattice, int(where[int(rng.integers(len(where)))])
    index = np.array(np.unravel_index(int(lattice.where[spot]), lattice.shape))
    center = lattice.origin_mm + index * lattice.step_mm
    axis = rng.standard_normal(3)
    long, short = rng.uniform(1.0, 1.4), rng.uniform(0.8, 1.0)
    if site == "periventricular":
        axis = _outwards(brain.ventricles, brain, index) + 0.2 * axis
        long, short = rng.uniform(1.3, 2.1), rng.uniform(0.75, 0.95)
    axis = axis / np.linalg.norm(axis)
    if site == "periventricular":  # it stands on the wall: its middle lies further out
        center = center + axis * 0.45 * long * radius
    return center, axis, (float(long * radius), float(short * radius))


def _outwards(distance: Field, brain: Brain, index: npt.NDArray[np.int64]) -> Vector:
    """The direction in which a distance `[n]` grows at a voxel."""
    lattice = brain.lattice
    slope = np.zeros(3)
    for axis in range(3):
        for step in (-2, 2):
            moved = index.copy()
            moved[axis] = np.clip(moved[axis] + step, 0, lattice.shape[axis] - 1)
            flat = int(np.ravel_multi_index(tuple(moved), lattice.shape))
            row = min(int(np.searchsorted(lattice.where, flat)), len(lattice.where) - 1)
            slope[axis] += np.sign(step) * min(float(distance[row]), 10.0)
    return np.asarray(slope / (np.linalg.norm(slope) + 1e-6))


def _extent(
    brain: Brain, rows: npt.NDArray[np.int32], rough: Field, plaque: Plaque, visit: int
) -> tuple[npt.NDArray[np.int64], Field]:
    """The voxels of a plaque at an examination, and its share of each; it spares the cortex and the ventricles."""
    lattice = brain.lattice
    scale = max(0.7, 1 + plaque.growth * (visit - plaque.born))
    along, across = (scale * radius for radius in plaque.radii_mm)
    middle = (plaque.center_mm - lattice.origin_mm) / lattice.step_mm
    reach = (max(along, across) + 2.5) / lattice.step_mm
    low = np.maximum(np.floor(middle - reach).astype(int), 0)
    high = np.minimum(np.ceil(middle + reach).astype(int) + 1, lattice.shape)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    inside = rows[box]
    offsets = np.argwhere(inside >= 0) + low - middle
    where = np.asarray(inside[inside >= 0], np.int64)
    forward = offsets @ plaque.axis * lattice.step_mm
    sideways = np.sqrt(np.maximum((offsets**2).sum(axis=1) * lattice.step_mm**2 - forward**2, 0))
    relative = np.hypot(forward / along, sideways / across)
    distance = (relative - 1) * across + rough[where]
    spared = _SPARED[plaque.site] * np.clip(brain.shares["grey"][where], 0, 1)
    share = np.clip(0.5 - distance / _EDGE_MM, 0, 1) * (1 - spared) * (brain.ventricles[where] > 0)
    return where, np.asarray(share, np.float32)
