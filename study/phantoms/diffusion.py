"""B0, DWI and ADC of a session: signals, echo-planar distortion, resolution, noise, and stored values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from study.phantoms.acquisition import (
    VoxelGrid,
    blurred,
    coil_bias,
    sampled,
    voxels,
)
from study.phantoms.centers import ADC_UNIT
from study.phantoms.distortion import echo_planar
from study.phantoms.masks import as_drawn, center_of_mass_mm, largest
from study.phantoms.physics import apparent_diffusion, diffusion, rician, spin_echo
from study.phantoms.session import Session, Simulation
from study.phantoms.shapes import Field


def add_diffusion(
    simulation: Simulation, session: Session, grid: VoxelGrid, rng: np.random.Generator
) -> None:
    """Add the center's diffusion images (of B0, DWI and ADC), the brain mask and the lesion mask."""
    scan, stroke, lattice = session.acquisition, session.stroke, session.brain.lattice
    maps = list(_signals(session, rng))
    if stroke is not None:
        drawn = session.dirt.drawn_masks
        maps.append(stroke.amount if drawn else stroke.amount * (1 - session.brain.fluid))
    maps = echo_planar(
        maps, session.brain, session.air_ppm, scan.field_t, scan.readout_ms, scan.phase_encoding
    )
    moved = session.shift_mm + rng.normal(0, session.dirt.motion_mm, 3)  # the patient between B0 and DWI
    places = [session.shift_mm, moved, moved]
    b0, dwi, *lesion_share = (
        voxels(volume, lattice, grid, place, session.dirt.ringing)
        for volume, place in zip(maps, places[: len(maps)], strict=True)
    )
    inside = (
        sampled(
            lattice.spread(-session.brain.inside, -6),
            lattice,
            session.shift_mm,
            grid.box_affine,
            grid.box_shape,
        )
        > 0
    )
    b0, dwi = (blurred(image, grid, scan.psf_mm, session.dirt.slice_blur) for image in (b0, dwi))
    level = float(np.median(dwi[inside]))
    grain = max(0.0, 0.5 * (scan.psf_mm * 1.7 / float(grid.spacing_mm[0]) - 1))
    b0 = rician(b0, level / scan.snr * session.dirt.b0_noise, rng, grain)
    logs = sum(
        np.log(rician(dwi, level / scan.snr, rng, grain) + np.float32(1e-9)) for _ in range(scan.directions)
    )
    scale = 0.4 * scan.gain / level
    _store(simulation, session, b0 * scale * inside, np.exp(logs / scan.directions) * scale * inside, grid)
    simulation.masks["brain"] = (grid.embed(inside), grid.affine)
    lesion = np.zeros(grid.box_shape, bool)
    if lesion_share:
        share = lesion_share[0] * inside
        lesion = as_drawn(share, grid, rng) & inside if session.dirt.drawn_masks else largest(share)
    simulation.masks["lesion"] = (grid.embed(lesion), grid.affine)
    if stroke is not None:
        simulation.truth["lesion"] |= {
            "mask_ml": float(lesion.sum()) * float(np.prod(grid.spacing_mm)) / 1000,
            "position_mm": center_of_mass_mm(lesion, grid),
        }


def _signals(session: Session, rng: np.random.Generator) -> tuple[Field, Field]:
    """B0 and DWI `[n]` at the brain's voxels, from the signals of parenchyma and fluid."""
    brain, scan, water = session.brain, session.acquisition, session.tissues["fluid"]
    pd, t1, t2, adc = (
        brain.parenchyma({name: float(getattr(tissue, kind)) for name, tissue in session.tissues.items()})
        for kind in ("pd", "t1_ms", "t2_ms", "adc")
    )
    solid = spin_echo(pd * session.changes.signal, t1, t2 * session.changes.t2, scan.te_ms, scan.tr_ms)
    water_pd, water_t1, water_t2 = np.array([[water.pd], [water.t1_ms], [water.t2_ms]], np.float32)
    fluid = spin_echo(water_pd, water_t1, water_t2, scan.te_ms, scan.tr_ms)
    pulsation = np.maximum(0.9, 1 + 0.12 * brain.lattice.noise(25, rng))
    solid_weighted = diffusion(solid, adc * session.changes.adc, scan.b_s_per_mm2)
    fluid_weighted = diffusion(fluid, np.float32(water.adc) * pulsation, scan.b_s_per_mm2)
    sensitivity = coil_bias(brain, scan.bias, rng)
    b0 = (solid + brain.fluid * (fluid - solid)) * sensitivity
    dwi = (solid_weighted + brain.fluid * (fluid_weighted - solid_weighted)) * sensitivity
    return np.asarray(b0, np.float32), np.asarray(dwi, np.float32)


def _store(simulation: Simulation, session: Session, b0: Field, dwi: Field, grid: VoxelGrid) -> None:
    """Add the images in the center's data types and units."""
    adc = apparent_diffusion(b0, dwi, session.acquisition.b_s_per_mm2)
    unit = ADC_UNIT[session.acquisition.adc_unit]
    stored: dict[str, npt.NDArray[Any]] = {
        "DWI": np.rint(dwi).clip(0, 32767).astype(np.int16),
        "B0": np.rint(b0).clip(0, 32767).astype(np.int16),
        "ADC": np.rint(np.maximum(adc, 0) * unit).astype(np.int16),
    }
    if unit <= 1:  # values too small for integers
        stored["ADC"] = (np.maximum(adc, 0) * np.float32(unit)).astype(np.float32)
    if session.subject.center == "ISLES":  # research export: floating point, nothing clipped
        stored = {"DWI": dwi, "B0": b0, "ADC": adc * np.float32(unit)}
    for name in session.subject.modalities:
        if name in stored:
            simulation.images[name] = (grid.embed(stored[name]), grid.affine)
