"""The disorder of real scans (`cohort.phantom.dirt`): texture, bright zones, misleading spots, strokes of every look.

Its strengths were set by the intensity statistics of three ISLES 2022 subjects (`python -m study.appearance`) and by
eye. Of their lesion masks, only the median ADC in lesions was known when `LESION_ADC` was set. It draws from a
generator of its own, so that the clean simulation keeps its bytes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from study.config import Dirt
from study.phantoms.acquisition import Acquisition
from study.phantoms.brain import Brain
from study.phantoms.centers import GridRange
from study.phantoms.distractors import Changes
from study.phantoms.lesions import Stroke
from study.phantoms.shapes import Field, Triple, ellipsoid

WAVELENGTHS_MM = (5.0, 10.0, 22.0)  # of texture
DETAIL_MM = 3.5  # of the signal alone, as folds and tracts have it
HEALTHY_ADC = 0.77  # 10⁻³ mm²/s, mean of the parenchyma
LESION_ADC = (0.35, 0.7)  # 10⁻³ mm²/s, in the core of varied lesions
ZONES: tuple[tuple[Triple, Triple, float], ...] = (  # centre on the right side, radii in mm, least brightness
    ((48, -22, -28), (14, 18, 8), 0.35),  # temporal lobe above the petrous bone
    ((40, 2, -34), (12, 16, 8), 0.25),  # temporal pole
    ((6, 48, -16), (9, 18, 8), 0.35),  # frontal lobe above the ethmoid cells
    ((5, 62, 2), (7, 10, 14), 0.15),  # frontal midline behind the frontal sinus
)


def soil(brain: Brain, changes: Changes, dirt: Dirt, rng: np.random.Generator) -> None:
    """Add texture, bright zones and misleading spots to a brain's changes, in place."""
    if dirt.texture:
        _texture(brain, changes, dirt.texture, rng)
    if dirt.detail:
        changes.signal *= np.exp(np.float32(dirt.detail) * brain.lattice.noise(DETAIL_MM, rng))
    if dirt.bright_zones:
        _zones(brain, changes, dirt.bright_zones, rng)
        _bright_tissue(brain, changes, dirt.bright_zones, rng)
    if dirt.shine_through or dirt.dark_spots:
        told = changes.truth
        told["shine_through"] = [
            _shining(brain, changes, rng) for _ in range(rng.poisson(dirt.shine_through))
        ]
        told["dark_spots"] = [_dark(brain, changes, rng) for _ in range(rng.poisson(dirt.dark_spots))]


def soiled(acquisition: Acquisition, dirt: Dirt, rng: np.random.Generator) -> Acquisition:
    """The examination with the dirt's noise, resolution and bias."""
    noise = dirt.noise * float(np.exp(rng.normal(0, dirt.noise_spread)))
    return replace(
        acquisition,
        snr=acquisition.snr / noise,
        psf_mm=acquisition.psf_mm * dirt.blur,
        bias=acquisition.bias * dirt.bias,
    )


def diffusion_grid(limits: GridRange, dirt: Dirt) -> GridRange:
    """The center's range of grids, or that of the dirt where it says so."""
    if dirt.in_plane_mm is None and dirt.slice_mm is None:
        return limits
    return GridRange(dirt.in_plane_mm or limits.in_plane_mm, dirt.slice_mm or limits.slice_mm)


def varied(stroke: Stroke, brain: Brain, rng: np.random.Generator) -> Stroke:
    """The stroke with another contrast, edge and texture; its place, volume and clot are kept.

    ADC in the core is drawn from `LESION_ADC`, and T2 so that DWI is barely brighter, or saturated. Edges are blurred
    by up to a quarter of the radius of a ball of that volume.
    """
    from scipy import ndimage

    lattice = brain.lattice
    radius_mm = (stroke.requested_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    sigma_mm = float(rng.uniform(0, min(3.0, 0.25 * radius_mm)))
    blurred = ndimage.gaussian_filter(lattice.spread(stroke.amount), sigma_mm / lattice.step_mm)
    uneven = float(rng.uniform(0.05, 0.3))
    core = 1 - uneven + uneven * 0.8 * (lattice.noise(6, rng) + lattice.noise(14, rng))
    return replace(
        stroke,
        amount=np.asarray(blurred.ravel()[lattice.where], np.float32),
        core=np.asarray(np.clip(core, 0.3, 1.1), np.float32),
        adc_ratio=float(rng.uniform(*LESION_ADC)) / HEALTHY_ADC,
        t2_ratio=float(np.exp(rng.uniform(-0.08, 0.6))),
    )


def _texture(brain: Brain, changes: Changes, deviation: float, rng: np.random.Generator) -> None:
    """Multiply signal, T2 and ADC by log-normal fields, each of the given deviation in all."""
    share = np.float32(deviation / np.sqrt(len(WAVELENGTHS_MM)))
    for wavelength in WAVELENGTHS_MM:
        for values in (changes.signal, changes.t2, changes.adc):
            values *= np.exp(share * brain.lattice.noise(wavelength, rng))


def _zones(brain: Brain, changes: Changes, strength: float, rng: np.random.Generator) -> None:
    """Brighten both images near air, alike on both sides but not equal; ADC rises slightly."""
    for center, radii, least in ZONES:
        common = least + float(rng.uniform(0, 1.1))
        for side in (-1.0, 1.0):
            place = (
                side * center[0] + float(rng.normal(0, 2)),
                *(c + float(rng.normal(0, 3)) for c in center[1:]),
            )
            distance = ellipsoid(brain.points, (place[0], place[1], place[2]), radii)
            distance += 3 * brain.lattice.noise(9, rng)
            amount = 1 / (1 + np.exp(np.clip(distance / 2.5, -20, 20)))
            gain = np.float32(strength * common * rng.uniform(0.6, 1.2))
            changes.signal *= 1 + gain * amount
            changes.adc *= 1 + np.float32(0.08) * gain * amount


def _bright_tissue(brain: Brain, changes: Changes, strength: float, rng: np.random.Generator) -> None:
    """Brighten cortex, insula and cerebellum in DWI, with lower ADC in parts of them."""
    patchy = np.clip(0.6 + 0.4 * brain.lattice.noise(22, rng), 0, 1.6)
    for share, brightness, lowered in (
        (brain.shares["grey"], (0.1, 0.3), (0.0, 0.08)),
        (brain.limbic, (0.1, 0.35), (0.0, 0.06)),
        (brain.shares["cerebellum"], (0.1, 0.35), (0.05, 0.2)),
        (brain.tracts, (0.05, 0.25), (0.05, 0.2)),
    ):
        changes.signal *= 1 + np.float32(strength * rng.uniform(*brightness)) * patchy * share
        changes.adc *= 1 - np.float32(min(1.0, strength) * rng.uniform(*lowered)) * patchy * share


def _spot(brain: Brain, radius_mm: float, rng: np.random.Generator) -> tuple[Triple, Field]:
    """A place in the parenchyma, and the share of each voxel `[n]` in a soft, uneven body around it."""
    solid = np.flatnonzero((brain.fluid < 0.4) & (brain.inside < -2))
    center = brain.at(int(solid[int(rng.integers(len(solid)))]))
    stretch = radius_mm * rng.uniform(0.7, 1.5, 3)
    distance = ellipsoid(brain.points, center, (stretch[0], stretch[1], stretch[2]))
    distance += 0.3 * radius_mm * brain.lattice.noise(2 * radius_mm + 3, rng)
    return center, np.asarray(np.clip(0.5 - distance / rng.uniform(1.5, 4), 0, 1), np.float32)


def _shining(brain: Brain, changes: Changes, rng: np.random.Generator) -> dict[str, object]:
    """A spot that T2 makes bright in DWI while its ADC is normal or raised."""
    center, amount = _spot(brain, float(rng.uniform(1.5, 7)), rng)
    t2, adc = float(rng.uniform(1.3, 2.2)), float(rng.uniform(1.0, 1.4))
    changes.t2 *= 1 + (t2 - 1) * amount
    changes.adc *= 1 + (adc - 1) * amount
    return {"template_mm": center, "t2_ratio": t2, "adc_ratio": adc}


def _dark(brain: Brain, changes: Changes, rng: np.random.Generator) -> dict[str, object]:
    """A spot of low ADC whose DWI is at most as bright as its surroundings, by less signal in both images."""
    center, amount = _spot(brain, float(rng.uniform(1.5, 6)), rng)
    adc = float(rng.uniform(0.55, 0.85))
    hidden = float(np.exp(HEALTHY_ADC * (adc - 1)) * rng.uniform(0.8, 1.0))  # b of about 1000 s/mm²
    changes.adc *= 1 + (adc - 1) * amount
    changes.signal *= 1 + (hidden - 1) * amount
    return {"template_mm": center, "adc_ratio": adc}
