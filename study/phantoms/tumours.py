"""Gliomas: a core that may enhance at its rim and be dead inside, oedema around it, and the tissue that it displaces.

Shapes are level sets of a score in mm, as those of infarcts are (`lesions`). Volumes are assumed: log-normal around the
center's median.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from study.phantoms.altered import Patch, Pathology, Relaxation, volume_ml
from study.phantoms.brain import Brain
from study.phantoms.shapes import Field, coverage

LABELS = {"necrosis": 1, "solid": 1, "oedema": 2, "enhancing": 4}  # of BraTS 2018: solid does not enhance
CORE = ("necrosis", "solid", "enhancing")
_PAINTED = ("oedema", "solid", "enhancing", "necrosis")
_REACH_MM = 25.0  # over which displacement fades outside the core
_STIFF_MM = 16.0  # below the skull, displacement fades to nothing


@dataclass(frozen=True)
class Focus:
    """Where a tumour grows.

    Attributes:
        center_mm: in the coordinates of the lattice.
        side: 1 right, -1 left.
        core_ml, oedema_ml: volumes.
        radius_mm: of a ball of the core's volume.
        push: displacement at its surface, relative to the radius.
    """

    center_mm: npt.NDArray[np.float64]
    side: float
    core_ml: float
    oedema_ml: float
    radius_mm: float
    push: float


def draw_focus(brain: Brain, median_ml: float, *, high_grade: bool, rng: np.random.Generator) -> Focus:
    """Draw the place in the white matter of the cerebrum, and the size, of a tumour."""
    core_ml = float(np.clip(median_ml * np.exp(0.65 * rng.standard_normal()), 3, 110))
    oedema = 1.6 * np.exp(0.5 * rng.standard_normal()) if high_grade else 0.6 * np.exp(0.6 * rng.normal())
    radius = (3000 * core_ml / (4 * np.pi)) ** (1 / 3)
    x, y, z = brain.points
    white = brain.fluid < 0.2
    for share in brain.shares.values():
        white &= share < 0.3
    depth = min(18.0, 0.75 * radius)
    allowed = white & (brain.inside < -depth) & (z > -22) & (np.abs(x) > 14) & (y > -80)
    places = np.flatnonzero(allowed)
    weights = np.where(y[places] > 10, 1.4, 1.0) * np.where(z[places] < 8, 1.3, 1.0)  # frontal and temporal
    total = np.cumsum(weights, dtype=np.float64)
    spot = int(places[np.searchsorted(total, rng.random() * total[-1])])
    return Focus(
        center_mm=positions_mm(brain)[:, spot].astype(float),
        side=1.0 if x[spot] > 0 else -1.0,
        core_ml=core_ml,
        oedema_ml=float(np.clip(core_ml * oedema, 2, 150)),
        radius_mm=float(radius),
        push=float(rng.uniform(0.15, 0.45) * (1.0 if high_grade else 0.6)),
    )


def positions_mm(brain: Brain) -> Field:
    """Positions `[3, n]` of a brain's voxels in the coordinates of its lattice."""
    lattice = brain.lattice
    index = np.stack(np.unravel_index(lattice.where, lattice.shape)).astype(np.float32)
    return np.asarray(index * lattice.step_mm + lattice.origin_mm[:, None], np.float32)


def displaced(brain: Brain, focus: Focus) -> Brain:
    """The brain with its tissue pushed away from a tumour; the skull stays, and what lies far away."""
    lattice, offsets = brain.lattice, positions_mm(brain) - focus.center_mm[:, None].astype(np.float32)
    distance = np.sqrt((offsets**2).sum(axis=0))
    beyond = np.maximum(distance - focus.radius_mm, 0)
    relative = np.minimum(distance / focus.radius_mm, 1)
    shift = focus.push * focus.radius_mm * relative * np.exp(-beyond / _REACH_MM)
    shift *= np.clip(-brain.inside / _STIFF_MM, 0, 1)
    moved = np.flatnonzero(shift > 0.15)
    index = np.stack(np.unravel_index(lattice.where[moved], lattice.shape))
    back = shift[moved] / np.maximum(distance[moved], 1e-3) / lattice.step_mm
    source = (index - offsets[:, moved] * back).astype(np.float32)

    def pulled(values: Field, outside: float = 0.0) -> Field:
        changed = values.copy()
        changed[moved] = ndimage.map_coordinates(
            lattice.spread(values, outside), source, order=1, mode="nearest"
        )
        return changed

    x, y, z = (pulled(coordinate) for coordinate in brain.points)
    return replace(
        brain,
        points=(x, y, z),
        inside=pulled(brain.inside, 6),
        ventricles=pulled(brain.ventricles, 30),
        fluid=pulled(brain.fluid, 1),
        limbic=pulled(brain.limbic),
        tracts=pulled(brain.tracts),
        shares={name: pulled(share) for name, share in brain.shares.items()},
    )


def draw_tumour(
    brain: Brain, focus: Focus, tissues: dict[str, Relaxation], *, high_grade: bool, rng: np.random.Generator
) -> Pathology:
    """Draw the tumour of a focus in the displaced brain; its core fills the sulci that it has pressed shut."""
    depth, core = _core(brain, focus, rng)
    inner = _inner(brain, focus, depth, high_grade=high_grade, rng=rng)
    regions = {name: np.asarray(core * share, np.float32) for name, share in inner.items()}
    regions["oedema"] = np.asarray((1 - core) * _oedema(brain, focus, depth, rng), np.float32)
    brain.fluid *= 1 - core
    pathology = Pathology(regions=regions)
    for place, name in enumerate(_PAINTED):
        where = np.flatnonzero(regions[name] > 0)
        later = sum(regions[other][where] for other in _PAINTED[place + 1 :])
        share = regions[name][where] / np.maximum(1 - later, 1e-3)  # of what the later ones leave
        pathology.patches.append(Patch(where, np.asarray(np.clip(share, 0, 1), np.float32), tissues[name]))
    pathology.truth = {
        "grade": "high" if high_grade else "low",
        "side": "right" if focus.side > 0 else "left",
        "requested_core_ml": focus.core_ml,
        "requested_oedema_ml": focus.oedema_ml,
        "simulated_ml": {name: volume_ml(share, brain) for name, share in regions.items()},
        "displacement_mm": focus.push * focus.radius_mm,
        "lattice_mm": focus.center_mm,
    }
    return pathology


def _core(brain: Brain, focus: Focus, rng: np.random.Generator) -> tuple[Field, Field]:
    """Depth below the surface of the core in mm, negative outside, and the core's share of each voxel."""
    lattice, size = brain.lattice, focus.radius_mm
    stretch = np.exp(0.16 * rng.standard_normal(3))
    offsets = positions_mm(brain) - focus.center_mm[:, None].astype(np.float32)
    score = np.sqrt(((offsets / (stretch / stretch.prod() ** (1 / 3))[:, None]) ** 2).sum(axis=0))
    score += 0.20 * size * lattice.noise(1.5 * size, rng) + 0.10 * size * lattice.noise(0.7 * size, rng)
    score += 0.5 * lattice.noise(5, rng)
    allowed = (brain.inside < -1) & (brain.ventricles > 0) & _own_half(brain, focus)
    filled = np.where(allowed, score, np.float32(1e3))
    threshold = _threshold(filled, focus.core_ml / lattice.voxel_ml)
    core = np.where(allowed, coverage(np.asarray(score - threshold, np.float32), 1.5), 0)
    # The falx, the skull and the ventricles bound it, too.
    within = ndimage.distance_transform_edt(lattice.spread(core) > 0.5) * lattice.step_mm
    depth = np.where(
        core > 0.5, np.minimum(threshold - score, within.ravel()[lattice.where]), threshold - score
    )
    return np.asarray(depth, np.float32), np.asarray(core, np.float32)


def _inner(
    brain: Brain, focus: Focus, depth: Field, *, high_grade: bool, rng: np.random.Generator
) -> dict[str, Field]:
    """The share of the core that is dead, that enhances, and that is solid without enhancing; together 1."""
    lattice = brain.lattice
    patchy = lattice.noise(max(8.0, 0.8 * focus.radius_mm), rng)
    if not high_grade:
        amount = 1.4 if rng.random() < 0.35 else 4.0  # a third of them has spots that enhance
        enhancing = np.clip((patchy - amount) * 2 + 0.5, 0, 1) * (depth > 1)
        return {"necrosis": np.zeros_like(depth), "enhancing": enhancing, "solid": 1 - enhancing}
    rim = float(rng.uniform(2.0, 4.5)) * np.exp(0.45 * lattice.noise(11, rng) + 0.2 * lattice.noise(6, rng))
    rim = np.maximum(rim, lattice.step_mm + 0.4)  # living tumour all around
    dead = coverage(np.asarray(rim - depth, np.float32), 1.4)
    solid = (1 - dead) * np.clip((patchy - rng.uniform(1.0, 2.2)) * 2 + 0.5, 0, 1)
    return {"necrosis": dead, "solid": solid, "enhancing": 1 - dead - solid}


def _oedema(brain: Brain, focus: Focus, depth: Field, rng: np.random.Generator) -> Field:
    """Share of each voxel: fingers along the white matter, which spare cortex and deep nuclei."""
    lattice = brain.lattice
    grey = np.clip(brain.shares["grey"], 0, 1)
    deep = sum(brain.shares[name] for name in ("striatum", "pallidum", "thalamus"))
    score = np.maximum(-depth, 0) + 9 * grey + 11 * deep
    score += 3.5 * lattice.noise(24, rng) + 2.2 * lattice.noise(10, rng)
    allowed = (brain.inside < -2) & (brain.ventricles > 0.5) & (brain.fluid < 0.5) & _own_half(brain, focus)
    filled = np.where(allowed & (depth < 0), score, np.float32(1e3))
    threshold = _threshold(np.asarray(filled, np.float32), focus.oedema_ml / lattice.voxel_ml)
    soft = np.clip(0.5 + (threshold - score) / 3.0, 0, 1) * (1 - 0.85 * grey)
    return np.asarray(np.where(allowed, soft, 0), np.float32)


def _own_half(brain: Brain, focus: Focus) -> npt.NDArray[np.bool_]:
    """The half of the cerebrum that a tumour lies in; through the corpus callosum it may reach the other."""
    own = brain.points[0] * np.float32(focus.side) > 0.5
    other = brain.shares["cerebellum"] + brain.shares["brainstem"] > 0.4
    return np.asarray(own & ~other, bool)


def _threshold(score: Field, count: float) -> float:
    """The score below which that many voxels lie."""
    order = min(len(score) - 1, max(1, round(count)))
    return float(np.partition(score, order)[order])
