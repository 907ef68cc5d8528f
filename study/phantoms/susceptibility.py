"""SWAN, SWI and PHASE of a session: gradient echoes in the field of tissue, veins, clots and calcium."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.phantoms.acquisition import (
    Acquisition,
    Matrix,
    VoxelGrid,
    averaged,
    coil_bias,
    fine_affine,
    sampled,
)
from study.phantoms.brain import Brain
from study.phantoms.masks import largest
from study.phantoms.physics import (
    Complex,
    dephasing,
    dipole_field,
    gradient_echo,
    high_pass_phase,
    precession,
    susceptibility_weighted,
)
from study.phantoms.session import Session, Simulation
from study.phantoms.shapes import Field, capsule
from study.phantoms.tissue import Tissue
from study.phantoms.vessels import Path, draw_veins

_PART_MM = 1.25  # thickness in which slices are simulated


@dataclass(frozen=True)
class Body:
    """A vessel, a clot or (with one point) a ball: centre line in brain mm, radius, susceptibility, R2* in 1/s."""

    path: Path
    radius_mm: float
    chi_ppm: float
    r2_star: float


def add_susceptibility(
    simulation: Simulation, session: Session, grid: VoxelGrid, rng: np.random.Generator
) -> None:
    """Add the center's susceptibility images and the thrombus mask."""
    bodies, clot = _bodies(session, rng), _clot(session, rng)
    signal, covered = acquire(session, bodies, clot, grid, rng)
    magnitude = np.abs(signal).astype(np.float32)
    phase = high_pass_phase(signal, 7.0 / float(grid.spacing_mm[0]))
    lattice = session.brain.lattice
    outline = lattice.spread(-session.brain.inside, -6)
    inside = sampled(outline, lattice, session.shift_mm, grid.box_affine, grid.box_shape) > 0
    scale = 0.5 * session.acquisition.gain / float(np.median(magnitude[inside])) * inside
    stored = {
        "SWAN": np.rint(magnitude * scale).clip(0, 32767),
        "SWI": np.rint(susceptibility_weighted(magnitude, phase) * scale).clip(0, 32767),
        "PHASE": np.rint(phase * 1000 * inside),
    }
    for name in session.subject.susceptibility:
        simulation.images[name] = (grid.embed(stored[name].astype(np.int16)), grid.affine)
    mask = largest(covered) if clot is not None else np.zeros(grid.box_shape, bool)
    simulation.masks["thrombus"] = (grid.embed(mask), grid.affine)
    if clot is not None:
        simulation.truth["thrombus"] |= {
            "chi_ppm": clot.chi_ppm,
            "mask_ml": float(mask.sum()) * float(np.prod(grid.spacing_mm)) / 1000,
            "position_mm": clot.path.mean(axis=0) + session.shift_mm,
        }


def acquire(
    session: Session, bodies: list[Body], clot: Body | None, grid: VoxelGrid, rng: np.random.Generator
) -> tuple[Complex, Field]:
    """The complex signal on the box of a grid, and the clot's share of each voxel.

    Each slice is simulated in parts and averaged afterwards, so that spins of a voxel dephase.
    """
    scan, lattice, shift = session.acquisition, session.brain.lattice, session.shift_mm
    parts = max(1, round(float(grid.spacing_mm[2]) / _PART_MM))
    factors = (1, 1, parts)
    affine = fine_affine(grid, factors)
    magnitude, chi, air = (
        sampled(volume, lattice, shift, grid.box_affine, grid.box_shape)
        for volume in _maps(session, coil_bias(session.brain, scan.bias, rng))
    )
    magnitude *= dephasing(air, scan.field_t, scan.swan_te_ms)
    magnitude, chi, air = (np.repeat(volume, parts, axis=2) for volume in (magnitude, chi, air))
    covered = np.zeros_like(chi)
    for body in [*bodies, *([clot] if clot else [])]:
        paint(body, affine, shift, scan.swan_te_ms, chi, magnitude, covered if body is clot else None)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    field = dipole_field(chi, spacing, np.linalg.solve(affine[:3, :3] / spacing, [0.0, 0.0, 1.0]))
    signal = averaged(precession(magnitude, field + air, scan.field_t, scan.swan_te_ms), factors)
    level = np.float32(np.median(magnitude[magnitude > 0]) / scan.swan_snr)
    noise = rng.standard_normal((2, *signal.shape), dtype=np.float32) * level
    return np.asarray(signal + noise[0] + 1j * noise[1], np.complex64), averaged(covered, factors)


def paint(
    body: Body,
    affine: Matrix,
    shift_mm: npt.NDArray[np.float64],
    te_ms: float,
    chi: Field,
    magnitude: Field,
    covered: Field | None,
) -> None:
    """Draw a body into the maps, with partial volume at its rim; changes them in place."""
    inverse, lost = np.linalg.inv(affine), np.float32(1 - np.exp(-1e-3 * te_ms * body.r2_star))
    knots = (body.path if len(body.path) > 1 else np.repeat(body.path, 2, axis=0)) + shift_mm
    step = float(np.linalg.norm(affine[:3, :3], axis=0).mean())
    reach = np.abs(inverse[:3, :3]).sum(axis=1) * (body.radius_mm + step)
    index = knots @ inverse[:3, :3].T + inverse[:3, 3]
    for start, end, first, last in zip(knots[:-1], knots[1:], index[:-1], index[1:], strict=True):
        low = np.maximum(np.floor(np.minimum(first, last) - reach).astype(int), 0)
        high = np.minimum(np.ceil(np.maximum(first, last) + reach).astype(int) + 1, chi.shape)
        if (low >= high).any():
            continue
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        i, j, k = np.ogrid[box]
        x, y, z = (
            np.asarray(row[0] * i + row[1] * j + row[2] * k + row[3], np.float32) for row in affine[:3]
        )
        distance = capsule(
            (x, y, z), (start[0], start[1], start[2]), (end[0], end[1], end[2]), body.radius_mm
        )
        share = np.clip(0.5 - distance / np.float32(step), 0, 1)
        share *= np.float32(min(1.0, (2 * body.radius_mm / step) ** 2))  # thinner than the grid: diluted
        chi[box] += share * (np.float32(body.chi_ppm) - chi[box])
        magnitude[box] *= 1 - share * lost
        if covered is not None:
            np.maximum(covered[box], share, out=covered[box])


def to_brain_mm(path: npt.ArrayLike, brain: Brain) -> Path:
    """Brain coordinates of template points `[n, 3]`, by iterative inversion of the brain's warp."""
    wanted, lattice = np.atleast_2d(np.asarray(path, float)), brain.lattice
    place = wanted * brain.person.scale
    limits = np.array(lattice.shape) - 1
    for _ in range(4):
        index = np.clip(np.rint((place - lattice.origin_mm) / lattice.step_mm).astype(int), 0, limits)
        flat = np.searchsorted(lattice.where, np.ravel_multi_index(tuple(index.T), lattice.shape))
        flat = np.minimum(flat, len(lattice.where) - 1)
        on_grid = np.stack(np.unravel_index(lattice.where[flat], lattice.shape), axis=1)
        found = np.stack([coordinate[flat] for coordinate in brain.points], axis=1)
        place = lattice.origin_mm + on_grid * lattice.step_mm + (wanted - found) * brain.person.scale
    return place


def _bodies(session: Session, rng: np.random.Generator) -> list[Body]:
    """Veins, darker on the side of the stroke, where more oxygen is extracted; calcifications and microbleeds."""
    brain, stroke = session.brain, session.stroke
    side = 0.0 if stroke is None else (1.0 if stroke.side == "right" else -1.0)
    chi = float(rng.uniform(0.32, 0.46))
    bodies = [
        Body(to_brain_mm(path, brain), radius, chi * (1.25 if side * path[0, 0] > 4 else 1.0), 30.0)
        for path, radius in draw_veins(brain.points, brain.fluid, brain.inside, rng)
    ]
    bodies += [Body(to_brain_mm(at, brain), radius, ppm, 60.0) for at, radius, ppm in session.changes.bodies]
    return bodies


def _clot(session: Session, rng: np.random.Generator) -> Body | None:
    stroke = session.stroke
    if stroke is None or stroke.clot is None:
        return None
    return Body(
        to_brain_mm(stroke.clot, session.brain), stroke.clot_radius_mm, float(rng.uniform(0.6, 1.6)), 80.0
    )


def _maps(session: Session, bias: Field) -> tuple[Field, Field, Field]:
    """Magnitude at the echo, susceptibility and the field of air in ppm, on the whole lattice, without vessels."""
    brain, scan = session.brain, session.acquisition
    magnitude = {name: _level(tissue, scan) for name, tissue in session.tissues.items()}
    chi = {name: tissue.chi_ppm for name, tissue in session.tissues.items()}
    within = brain.inside < 0.5
    maps = []
    for values, factor in ((magnitude, bias), (chi, np.float32(1))):
        solid = brain.parenchyma(values)
        maps.append((solid + brain.fluid * (np.float32(values["fluid"]) - solid)) * factor * within)
    return brain.lattice.spread(maps[0]), brain.lattice.spread(maps[1]), brain.lattice.spread(session.air_ppm)


def _level(tissue: Tissue, scan: Acquisition) -> float:
    """Gradient-echo signal of a tissue at the echo, without dephasing in the field."""
    pd, t1 = np.array([tissue.pd], np.float32), np.array([tissue.t1_ms], np.float32)
    start = float(gradient_echo(pd, t1, scan.swan_tr_ms, scan.swan_flip_deg)[0])
    return start * float(np.exp(-1e-3 * scan.swan_te_ms * tissue.r2_star))
