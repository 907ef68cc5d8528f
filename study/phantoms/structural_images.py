"""T1, T1 with contrast agent, T2, PD and FLAIR of an examined brain, all of the same tissue.

Every image is acquired on a grid of its own, with the slices of its sequence, and then interpolated onto the common
grid, as published sets are prepared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from study.config import Dirt
from study.phantoms.acquisition import VoxelGrid, blurred, draw_grid, draw_rotation, voxels
from study.phantoms.altered import NORMAL_AGENT_MM, Pathology, Relaxation, relaxivity
from study.phantoms.brain import Brain
from study.phantoms.centers import GridRange, Range
from study.phantoms.distractors import Changes
from study.phantoms.physics import inversion_recovery, nulling_ms, rician, spin_echo, with_agent
from study.phantoms.shapes import Field, coverage, tube
from study.phantoms.structural_centers import Sequence
from study.phantoms.susceptibility import Body, paint, to_brain_mm
from study.phantoms.tissue import Tissue
from study.phantoms.vessels import draw_veins

NOMINAL_FLUID_MS = {1.5: 4200.0, 3.0: 4300.0}  # T1 for which a scanner sets its inversion time
_TILT_DEG = (-12.0, 4.0)
_IN_PLANE_MM = {"small": (1.9, 2.1), "full": (0.85, 1.05)}
_PSF_MM = {"small": 0.8, "full": 0.5}


@dataclass(frozen=True)
class Examined:
    """A patient in a scanner.

    Attributes:
        brain: with its tumour or plaques.
        pathology: what is altered.
        changes: texture, and what else differs from healthy tissue.
        insets: share of each voxel `[n]` that is blood or choroid plexus, by the name in `altered`.
        tissues, altered: properties at the scanner's field.
        field_t: of the scanner.
        dirt: disorder of real scans.
        shift_mm: from the lattice's coordinates to those of the common grid.
        randomisation: how far parameters stray.
    """

    brain: Brain
    pathology: Pathology
    changes: Changes
    insets: Mapping[str, Field]
    tissues: Mapping[str, Tissue]
    altered: Mapping[str, Relaxation]
    field_t: float
    dirt: Dirt
    shift_mm: npt.NDArray[np.float64]
    randomisation: float


@dataclass(frozen=True)
class Drawn:
    """The parameters of one image; `ti_ms` is None without inversion."""

    tr_ms: float
    te_ms: float
    ti_ms: float | None
    slice_mm: float
    snr: float
    agent: bool


def draw_insets(brain: Brain, rng: np.random.Generator) -> dict[str, Field]:
    """Draw veins and choroid plexus: their shares `[n]`."""
    lattice = brain.lattice
    affine = np.diag([lattice.step_mm] * 3 + [1.0])
    affine[:3, 3] = lattice.origin_mm
    blood, unused = np.zeros(lattice.shape, np.float32), np.ones(lattice.shape, np.float32)
    for path, radius in draw_veins(brain.points, brain.fluid, brain.inside, rng):
        paint(Body(to_brain_mm(path, brain), radius, 1.0, 0.0), affine, np.zeros(3), 0.0, blood, unused, None)
    x, y, z = brain.points
    half, width = (np.abs(x), y, z), float(rng.uniform(1.4, 2.4))
    plexus = coverage(tube(half, [(15, -24, 17), (23, -40, 10), (30, -30, -6)], width), lattice.step_mm)
    plexus *= (brain.ventricles < 0) * np.float32(0.7)
    return {"blood": np.asarray(blood.ravel()[lattice.where], np.float32), "plexus": np.asarray(plexus)}


def draw_parameters(sequence: Sequence, snr: Range, examined: Examined, rng: np.random.Generator) -> Drawn:
    """Draw the parameters of an image; its inversion nulls fluid if the sequence does."""

    def value(limits: Range) -> float:
        return float(rng.uniform(*limits) * np.exp(examined.randomisation * rng.normal(0, 0.1)))

    tr_ms, te_ms, slice_mm = value(sequence.tr_ms), value(sequence.te_ms), value(sequence.slice_mm)
    ti_ms = None if sequence.ti_ms is None else value(sequence.ti_ms)
    if sequence.nulls_fluid:
        ti_ms = nulling_ms(NOMINAL_FLUID_MS[examined.field_t], tr_ms)
    dirt = examined.dirt
    noise = dirt.noise * float(np.exp(rng.normal(0, dirt.noise_spread)))
    gain = 1.6 if sequence.ti_ms is not None else 1.0  # images of whole volumes have more signal
    return Drawn(tr_ms, te_ms, ti_ms, slice_mm, value(snr) * gain / noise, sequence.agent)


def signal(examined: Examined, drawn: Drawn) -> Field:
    """The signal `[n]` at the voxels of the brain's lattice, without bias and noise."""
    brain, changes, water = examined.brain, examined.changes, examined.tissues["fluid"]
    names = {"pd": "pd", "t1_ms": "t1_ms", "t2_ms": "t2_ms"}
    maps = {
        name: brain.parenchyma({key: float(getattr(one, kind)) for key, one in examined.tissues.items()})
        for name, kind in names.items()
    }
    maps["pd"] *= changes.signal
    maps["t2_ms"] *= changes.t2
    maps["agent_mm"] = np.full_like(maps["pd"], NORMAL_AGENT_MM)
    examined.pathology.paint(maps)
    found = _echo(maps, drawn, examined.field_t)
    fluid = _echo(_uniform(water.pd, water.t1_ms, water.t2_ms, 0.0), drawn, examined.field_t)
    found = found + brain.fluid * (fluid - found)
    for name, share in examined.insets.items():
        tissue = examined.altered[name]
        inset = _uniform(tissue.pd, tissue.t1_ms, tissue.t2_ms, tissue.agent_mm)
        found = found + share * (_echo(inset, drawn, examined.field_t) - found)
    return np.asarray(found, np.float32)


def acquire(
    examined: Examined, drawn: Drawn, bias: Field, size: str, common: VoxelGrid, rng: np.random.Generator
) -> Field:
    """An image on the box of the common grid, in units in which normal white matter has about 1."""
    brain, dirt = examined.brain, examined.dirt
    clean = signal(examined, drawn)
    level = float(np.median(clean[(brain.fluid < 0.1) & (brain.inside < -4)]))
    in_plane = _IN_PLANE_MM[size]
    thick = max(drawn.slice_mm, in_plane[0])
    rotation = draw_rotation(_TILT_DEG, rng)
    limits = GridRange(in_plane, (thick, thick))
    grid = draw_grid(brain, limits, rotation, "RAS", examined.shift_mm, examined.randomisation, rng)
    moved = examined.shift_mm + rng.normal(0, dirt.motion_mm, 3)  # what registration has left
    image = voxels(brain.lattice.spread(clean * bias), brain.lattice, grid, moved, dirt.ringing)
    image = blurred(image, grid, _PSF_MM[size] * dirt.blur, dirt.slice_blur)
    image = rician(image / np.float32(level), 1 / drawn.snr, rng)
    mapping = np.linalg.inv(grid.box_affine) @ common.box_affine
    return np.asarray(
        ndimage.affine_transform(image, mapping[:3, :3], mapping[:3, 3], common.box_shape, order=1),
        np.float32,
    )


def _uniform(pd: float, t1_ms: float, t2_ms: float, agent_mm: float) -> dict[str, Field]:
    values = {"pd": pd, "t1_ms": t1_ms, "t2_ms": t2_ms, "agent_mm": agent_mm}
    return {name: np.array([value], np.float32) for name, value in values.items()}


def _echo(maps: Mapping[str, Field], drawn: Drawn, field_t: float) -> Field:
    """The signal of tissue with these properties."""
    t1 = with_agent(maps["t1_ms"], maps["agent_mm"], relaxivity(field_t)) if drawn.agent else maps["t1_ms"]
    if drawn.ti_ms is None:
        return spin_echo(maps["pd"], t1, maps["t2_ms"], drawn.te_ms, drawn.tr_ms)
    return inversion_recovery(maps["pd"], t1, maps["t2_ms"], drawn.te_ms, drawn.tr_ms, drawn.ti_ms)
