"""SWAN, SWI and PHASE: gradient echoes in the field that tissue, veins, clots and calcium make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.cohort.phantom.acquisition import Matrix, Scan, VoxelGrid, averaged, fine_affine, sampled
from study.cohort.phantom.brain import Brain
from study.cohort.phantom.physics import (
    dipole_field,
    gradient_echo,
    high_pass_phase,
    precession,
    susceptibility_weighted,
)
from study.cohort.phantom.shapes import Field, capsule
from study.cohort.phantom.tissue import Tissue
from study.cohort.phantom.vessels import Path


@dataclass(frozen=True)
class Tube:
    """A vessel, clot, or (with one point) a ball: centre line in brain mm, radius, susceptibility, R2*."""

    path: Path
    radius_mm: float
    chi_ppm: float
    r2_star: float


@dataclass(frozen=True)
class Echo:
    """Images on the box of a grid, before gain: magnitude (SWAN), phase in radians, SWI; and the clot's share."""

    magnitude: Field
    phase: Field
    weighted: Field
    clot: Field


def to_brain_mm(path: npt.ArrayLike, brain: Brain) -> Path:
    """Brain coordinates of template points `[n, 3]`: the warp of the brain, inverted by iteration."""
    wanted = np.atleast_2d(np.asarray(path, float))
    place = wanted * brain.person.scale
    lattice = brain.lattice
    limits = np.array(lattice.shape) - 1
    for _ in range(4):
        index = np.clip(np.rint((place - lattice.origin_mm) / lattice.step_mm).astype(int), 0, limits)
        flat = np.searchsorted(lattice.where, np.ravel_multi_index(tuple(index.T), lattice.shape))
        flat = np.minimum(flat, len(lattice.where) - 1)
        on_grid = np.stack(np.unravel_index(lattice.where[flat], lattice.shape), axis=1)
        found = np.stack([coordinate[flat] for coordinate in brain.points], axis=1)
        place = lattice.origin_mm + on_grid * lattice.step_mm + (wanted - found) * brain.person.scale
    return place


def acquire(
    brain: Brain,
    table: dict[str, Tissue],
    tubes: list[Tube],
    clot: Tube | None,
    air_ppm: Field,
    bias: Field,
    scan: Scan,
    grid: VoxelGrid,
    slices: int,
    shift_mm: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> Echo:
    """Simulate with each slice cut into `slices`, then average the complex signal: spins of a voxel dephase."""
    factors = (1, 1, slices)
    affine, coarse = fine_affine(grid, factors), grid.box_affine
    magnitude, chi, air = (
        np.repeat(sampled(m, brain.lattice, shift_mm, coarse, grid.box_shape), factors[2], axis=2)
        for m in (*_tissue_maps(brain, table, bias, scan), air_ppm)
    )
    covered = np.zeros_like(chi)
    for body in [*tubes, *([clot] if clot else [])]:
        _paint(body, affine, shift_mm, scan.swan_te_ms, chi, magnitude, covered if body is clot else None)
    direction = np.linalg.solve(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0), [0.0, 0.0, 1.0])
    field = dipole_field(chi, np.linalg.norm(affine[:3, :3], axis=0), direction)
    field += air
    signal = averaged(precession(magnitude, field, scan.field_t, scan.swan_te_ms), factors)
    level = float(np.median(magnitude[magnitude > 0])) / scan.swan_snr
    noise = rng.standard_normal((2, *signal.shape), dtype=np.float32) * np.float32(level)
    signal = signal + noise[0] + 1j * noise[1]
    phase = high_pass_phase(signal.astype(np.complex64), 7.0 / float(grid.spacing_mm[0]))
    size_now = np.abs(signal).astype(np.float32)
    return Echo(size_now, phase, susceptibility_weighted(size_now, phase), averaged(covered, factors))


def _tissue_maps(brain: Brain, table: dict[str, Tissue], bias: Field, scan: Scan) -> tuple[Field, Field]:
    """Magnitude at the echo and susceptibility in ppm on the whole lattice, without vessels."""
    start = {name: _at_once(tissue, scan) for name, tissue in table.items()}
    late = {name: start[name] * float(np.exp(-1e-3 * scan.swan_te_ms * t.r2_star)) for name, t in table.items()}
    chi = {name: tissue.chi_ppm for name, tissue in table.items()}
    within = brain.inside < 0.5
    maps = []
    for values, factor in ((late, bias), (chi, np.float32(1))):
        solid = brain.parenchyma(values)
        maps.append(brain.lattice.spread((solid + brain.fluid * (np.float32(values["fluid"]) - solid)) * factor * within))
    return maps[0], maps[1]


def _at_once(tissue: Tissue, scan: Scan) -> float:
    """Signal at TE = 0."""
    pd, t1 = np.array([tissue.pd], np.float32), np.array([tissue.t1_ms], np.float32)
    return float(gradient_echo(pd, t1, scan.swan_tr_ms, scan.swan_flip_deg)[0])


def _paint(
    body: Tube,
    affine: Matrix,
    shift_mm: npt.NDArray[np.float64],
    te_ms: float,
    chi: Field,
    magnitude: Field,
    covered: Field | None,
) -> None:
    """Put a body into the maps, with partial volume at its rim."""
    inverse, lost = np.linalg.inv(affine), np.float32(1 - np.exp(-1e-3 * te_ms * body.r2_star))
    knots = body.path if len(body.path) > 1 else np.repeat(body.path, 2, axis=0)
    step = float(np.linalg.norm(affine[:3, :3], axis=0).mean())
    spread = np.abs(inverse[:3, :3]).sum(axis=1) * (body.radius_mm + step)
    for start, end in zip(knots[:-1], knots[1:], strict=True):
        ends = np.stack([start, end]) + shift_mm
        index = ends @ inverse[:3, :3].T + inverse[:3, 3]
        low = np.maximum(np.floor(index.min(axis=0) - spread).astype(int), 0)
        high = np.minimum(np.ceil(index.max(axis=0) + spread).astype(int) + 1, chi.shape)
        if (low >= high).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        grid = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), -1)
        place = (grid @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)
        distance = capsule((place[..., 0], place[..., 1], place[..., 2]), tuple(ends[0]), tuple(ends[1]), body.radius_mm)
        share = np.clip(0.5 - distance / np.float32(step), 0, 1)
        share *= min(1.0, (2 * body.radius_mm / step) ** 2)  # thinner than the grid: diluted
        chi[box] += share * (np.float32(body.chi_ppm) - chi[box])
        magnitude[box] *= 1 - share * lost
        if covered is not None:
            np.maximum(covered[box], share, out=covered[box])
