"""One phantom from its entry in the roster to images, masks and truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from study.cohort.phantom import acquisition as scanner
from study.cohort.phantom.anatomy import build_brain, draw_person
from study.cohort.phantom.brain import Brain
from study.cohort.phantom.centers import ADC_UNIT, CENTERS, Center
from study.cohort.phantom.distortion import air_field, echo_planar
from study.cohort.phantom.distractors import Changes, draw_changes
from study.cohort.phantom.lesions import Stroke, draw_stroke, lesion_volume_ml
from study.cohort.phantom.physics import apparent_diffusion, diffusion, rician, spin_echo
from study.cohort.phantom.roster import Entry
from study.cohort.phantom.shapes import Field
from study.cohort.phantom.susceptibility import Echo, Tube, acquire, to_brain_mm
from study.cohort.phantom.tissue import Tissue, tissues
from study.cohort.phantom.vessels import draw_veins
from study.config import Phantom as Settings

Image = tuple[npt.NDArray[Any], npt.NDArray[np.float64]]
_CENTER_NUMBER = {name: number for number, name in enumerate(CENTERS)}


@dataclass(frozen=True)
class Phantom:
    """Images and masks by name, each `[X, Y, Z]` with its affine, and all parameters."""

    images: dict[str, Image]
    masks: dict[str, Image]
    truth: dict[str, Any]


def simulate(entry: Entry, settings: Settings) -> Phantom:
    """Everything about one phantom, from the settings' seed, its center and its number alone."""
    center, small = CENTERS[entry.center], settings.size == "small"

    def generator(number: int, purpose: int) -> np.random.Generator:
        return np.random.default_rng((settings.seed, _CENTER_NUMBER[entry.center], number, purpose))

    body, rng = generator(entry.anatomy, 0), generator(entry.number, 1)
    brain = build_brain(draw_person(body), 1.6 if small else 1.0, body)
    scan = scanner.draw_scan(center, settings.randomisation, rng)
    table = tissues(scan.field_t, rng, 0.04 + 0.10 * settings.randomisation)
    stroke = _stroke(entry, center, brain, rng)
    changes = draw_changes(brain, stroke, body)
    shift, rotation = rng.normal(0, (1.5, 6, 8)), scanner.draw_rotation(center.tilt_deg, rng)
    grids = center.small_grids if small else center.full_grids
    grid = scanner.draw_grid(brain, grids[0], rotation, center.orientation, shift, settings.randomisation, rng)
    air = air_field(brain, body)
    phantom = Phantom({}, {}, _truth(entry, brain, scan, stroke, changes, table, shift))
    _diffusion_images(phantom, entry, brain, table, changes, stroke, scan, grid, air, shift, small, rng)
    if entry.susceptibility:
        tilted = scanner.draw_rotation(center.tilt_deg, rng)
        grid = scanner.draw_grid(brain, grids[1], tilted, center.orientation, shift, settings.randomisation, rng)
        _susceptibility_images(phantom, entry, brain, table, changes, stroke, scan, grid, air, shift, small, rng)
    return phantom


def _stroke(entry: Entry, center: Center, brain: Brain, rng: np.random.Generator) -> Stroke | None:
    if entry.kind == "control":
        return None
    rank = entry.rank if entry.rank >= 0 else int(rng.integers(entry.ranks))
    order = np.random.default_rng((_CENTER_NUMBER[entry.center], entry.ranks)).permutation(entry.ranks)
    volume = lesion_volume_ml(center.lesion_ml, int(order[rank]), entry.ranks)
    clot = center.thrombus_ml * float(np.exp(rng.normal(-0.06, 0.35)))
    return draw_stroke(brain, center, max(volume, 0.05), clot, rng)


def _signals(
    brain: Brain, table: dict[str, Tissue], changes: Changes, scan: scanner.Scan, bias: Field
) -> tuple[Field, Field]:
    """B0 and DWI on the fine grid: parenchyma and fluid each with their own signal."""
    pd, t1, t2, adc = (
        brain.parenchyma({tissue: float(getattr(values, name)) for tissue, values in table.items()})
        for name in ("pd", "t1_ms", "t2_ms", "adc")
    )
    t2 *= changes.t2
    adc *= changes.adc
    solid = spin_echo(pd, t1, t2, scan.te_ms, scan.tr_ms)
    water = table["fluid"]
    values = (np.array([value], np.float32) for value in (water.pd, water.t1_ms, water.t2_ms))
    fluid = spin_echo(*values, scan.te_ms, scan.tr_ms)
    weighted = diffusion(solid, adc, scan.b_s_per_mm2)
    fluid_weighted = diffusion(fluid, np.array([water.adc], np.float32), scan.b_s_per_mm2)
    sensitivity = bias * (brain.inside < 6)
    b0 = (solid + brain.fluid * (fluid - solid)) * sensitivity
    dwi = (weighted + brain.fluid * (fluid_weighted - weighted)) * sensitivity
    return b0.astype(np.float32), dwi.astype(np.float32)


def _diffusion_images(
    phantom: Phantom,
    entry: Entry,
    brain: Brain,
    table: dict[str, Tissue],
    changes: Changes,
    stroke: Stroke | None,
    scan: scanner.Scan,
    grid: scanner.VoxelGrid,
    air: Field,
    shift: npt.NDArray[np.float64],
    small: bool,
    rng: np.random.Generator,
) -> None:
    bias = scanner.coil_bias(brain, scan.bias, rng)
    fine = list(_signals(brain, table, changes, scan, bias))
    if stroke is not None:
        fine.append(stroke.amount * (1 - brain.fluid))
    fine = echo_planar(fine, brain, air, scan.field_t, scan.readout_ms, scan.phase_encoding)
    factors = scanner.factors_for(grid, brain.lattice)
    affine = scanner.fine_affine(grid, factors)
    size = tuple(n * f for n, f in zip(grid.box_shape, factors, strict=True))
    parts = [
        scanner.averaged(scanner.sampled(image, brain.lattice, shift, affine, size), factors) for image in fine
    ]
    outline = brain.lattice.spread(-brain.inside, -6)
    inside = scanner.sampled(outline, brain.lattice, shift, grid.box_affine, grid.box_shape) > 0
    b0, dwi = parts[0], parts[1]
    sigma = float(np.median(dwi[inside])) / scan.snr
    noisy_b0 = rician(b0, sigma, rng)
    logs = sum(np.log(rician(dwi, sigma, rng) + np.float32(1e-9)) for _ in range(scan.directions))
    noisy_dwi = np.asarray(np.exp(logs / scan.directions), np.float32)
    scale = scan.gain / float(np.median(dwi[inside])) * 0.4
    _store_diffusion(phantom, entry, noisy_b0 * scale * inside, noisy_dwi * scale * inside, scan, grid)
    phantom.masks["brain"] = (grid.embed(inside), grid.affine)
    lesion = _largest(parts[2] * inside) if stroke is not None else np.zeros(grid.box_shape, bool)
    phantom.masks["lesion"] = (grid.embed(lesion), grid.affine)
    if stroke is not None:
        voxel = float(np.prod(grid.spacing_mm)) / 1000
        phantom.truth["lesion"]["mask_ml"] = float(lesion.sum()) * voxel
        if lesion.any():
            center = np.argwhere(lesion).mean(axis=0)
            phantom.truth["lesion"]["position_mm"] = grid.box_affine[:3, :3] @ center + grid.box_affine[:3, 3]


def _store_diffusion(
    phantom: Phantom, entry: Entry, b0: Field, dwi: Field, scan: scanner.Scan, grid: scanner.VoxelGrid
) -> None:
    adc = apparent_diffusion(b0, dwi, scan.b_s_per_mm2)
    unit = ADC_UNIT[scan.adc_unit]
    if entry.center == "ISLES":  # research export: floating point, a few values below zero
        stored = {"DWI": dwi, "B0": b0, "ADC": adc * np.float32(unit)}
    else:
        adc = np.maximum(adc, 0) * np.float32(unit)
        whole = unit > 1
        stored = {
            "DWI": np.rint(dwi).clip(0, 32767).astype(np.int16),
            "B0": np.rint(b0).clip(0, 32767).astype(np.int16),
            "ADC": np.rint(adc).astype(np.int16) if whole else adc,
        }
    for name in entry.modalities:
        if name in stored:
            phantom.images[name] = (grid.embed(stored[name]), grid.affine)


def _largest(share: Field) -> npt.NDArray[np.bool_]:
    """The voxels with the largest shares, as many as the shares sum up to: a mask of the same volume."""
    count = round(float(share.sum()))
    mask = np.zeros(share.size, bool)
    if share.max() > 0:
        order = np.argsort(-share.ravel(), kind="stable")
        mask[order[: max(1, count)]] = True
    return (mask & (share.ravel() > 0)).reshape(share.shape)


def _susceptibility_images(
    phantom: Phantom,
    entry: Entry,
    brain: Brain,
    table: dict[str, Tissue],
    changes: Changes,
    stroke: Stroke | None,
    scan: scanner.Scan,
    grid: scanner.VoxelGrid,
    air: Field,
    shift: npt.NDArray[np.float64],
    small: bool,
    rng: np.random.Generator,
) -> None:
    veins = draw_veins(brain.points, brain.fluid, brain.inside, rng)
    side = 0.0 if stroke is None else (1.0 if stroke.side == "right" else -1.0)
    oxygen = float(rng.uniform(0.32, 0.46))
    tubes = [
        Tube(to_brain_mm(path, brain), radius, oxygen * (1.25 if side * path[0, 0] > 4 else 1.0), 30.0)
        for path, radius in veins
    ]
    tubes += [Tube(to_brain_mm(place, brain), radius, chi, 60.0) for place, radius, chi in changes.bodies]
    clot = None
    if stroke is not None and stroke.clot is not None:
        chi = float(rng.uniform(0.6, 1.6))
        clot = Tube(to_brain_mm(stroke.clot, brain), stroke.clot_radius_mm, chi, 80.0)
    bias = scanner.coil_bias(brain, scan.bias, rng)
    air_map = brain.lattice.spread(air)
    echo = acquire(brain, table, tubes, clot, air_map, bias, scan, grid, 2 if small else 1, shift, rng)
    _store_susceptibility(phantom, entry, brain, echo, scan, grid, shift)
    if clot is not None and "thrombus" in phantom.truth:
        mask = _largest(echo.clot)
        phantom.masks["thrombus"] = (grid.embed(mask), grid.affine)
        phantom.truth["thrombus"] |= {
            "chi_ppm": clot.chi_ppm,
            "mask_ml": float(mask.sum()) * float(np.prod(grid.spacing_mm)) / 1000,
            "position_mm": clot.path.mean(axis=0) + shift,
        }
    else:
        phantom.masks["thrombus"] = (np.zeros(grid.shape, bool), grid.affine)


def _store_susceptibility(
    phantom: Phantom,
    entry: Entry,
    brain: Brain,
    echo: Echo,
    scan: scanner.Scan,
    grid: scanner.VoxelGrid,
    shift: npt.NDArray[np.float64],
) -> None:
    outline = brain.lattice.spread(-brain.inside, -6)
    covered = scanner.sampled(outline, brain.lattice, shift, grid.box_affine, grid.box_shape) > 0
    scale = scan.gain / float(np.median(echo.magnitude[covered])) * 0.5
    stored = {
        "SWAN": np.rint(echo.magnitude * scale * covered).clip(0, 32767).astype(np.int16),
        "SWI": np.rint(echo.weighted * scale * covered).clip(0, 32767).astype(np.int16),
        "PHASE": np.rint(echo.phase * 1000 * covered).astype(np.int16),
    }
    for name in entry.susceptibility:
        phantom.images[name] = (grid.embed(stored[name]), grid.affine)


def _truth(
    entry: Entry,
    brain: Brain,
    scan: scanner.Scan,
    stroke: Stroke | None,
    changes: Changes,
    table: dict[str, Tissue],
    shift: npt.NDArray[np.float64],
) -> dict[str, Any]:
    truth: dict[str, Any] = {
        "id": entry.id,
        "patient": entry.patient,
        "center": entry.center,
        "kind": entry.kind,
        "person": vars(brain.person),
        "midline_mm": shift[0],
        "acquisition": scan.told(),
        "tissues": {name: vars(tissue) for name, tissue in table.items()},
        "distractors": changes.truth,
        "lesion": None,
        "thrombus": None,
    }
    if stroke is not None:
        truth["lesion"] = {
            "kind": stroke.kind,
            "phase": stroke.phase,
            "side": stroke.side,
            "site": stroke.site,
            "adc_ratio": stroke.adc_ratio,
            "t2_ratio": stroke.t2_ratio,
            "requested_ml": stroke.requested_ml,
            "simulated_ml": stroke.simulated_ml,
            "seeds": stroke.components,
        }
        if stroke.clot is not None:
            truth["thrombus"] = {
                "site": stroke.site,
                "side": stroke.side,
                "requested_ml": stroke.clot_ml,
                "radius_mm": stroke.clot_radius_mm,
            }
    return truth
