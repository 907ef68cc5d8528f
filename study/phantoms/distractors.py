"""Mimics of strokes and clots: old infarcts, hyperintensities, cysts, calcium, blood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from study.phantoms.brain import Brain
from study.phantoms.lesions import Stroke
from study.phantoms.shapes import Field, Triple, ellipsoid


@dataclass
class Changes:
    """What differs from healthy tissue.

    Attributes:
        t2, adc: of the parenchyma `[n]` at the brain's voxels, relative to health.
        signal: of the parenchyma in B0 and DWI alike, relative to health.
        bodies: small bodies of another susceptibility: centre in template mm, radius in mm, susceptibility in ppm.
        truth: what has been drawn.
    """

    t2: Field
    adc: Field
    signal: Field
    bodies: list[tuple[Triple, float, float]] = field(default_factory=list)
    truth: dict[str, Any] = field(default_factory=dict)


def draw_changes(brain: Brain, stroke: Stroke | None, rng: np.random.Generator) -> Changes:
    """Draw everything that differs from healthy tissue, with the acute stroke on top."""
    changes = Changes(np.ones_like(brain.fluid), np.ones_like(brain.fluid), np.ones_like(brain.fluid))
    add_texture(brain, changes, rng)
    add_hyperintensities(brain, changes, rng)
    changes.truth["old_lesions"] = [
        _old_lesion(brain, changes, rng) for _ in range(int(rng.poisson(0.5 + brain.person.atrophy)))
    ]
    if rng.random() < 0.3:
        _plexus_cysts(brain, changes, rng)
    _bodies(brain, changes, rng)
    if stroke is not None:
        share = stroke.amount * stroke.core
        changes.adc *= 1 + (stroke.adc_ratio - 1) * share
        changes.t2 *= 1 + (stroke.t2_ratio - 1) * share
    return changes


def add_texture(brain: Brain, changes: Changes, rng: np.random.Generator) -> None:
    """Natural variation: regional T2 and ADC, cortex that is bright in diffusion images, residual anisotropy."""
    changes.adc *= 1 + 0.025 * brain.lattice.noise(30, rng) + 0.035 * brain.lattice.noise(7, rng)
    changes.t2 *= 1 + 0.02 * brain.lattice.noise(40, rng) + 0.02 * brain.lattice.noise(9, rng)
    changes.t2 *= 1 + np.float32(rng.uniform(0.04, 0.12)) * brain.limbic
    changes.adc *= 1 - np.float32(rng.uniform(0.02, 0.08)) * brain.limbic
    changes.t2 *= 1 + np.float32(rng.uniform(0.03, 0.12)) * brain.tracts
    changes.adc *= 1 - np.float32(rng.uniform(0.0, 0.06)) * brain.tracts


def add_hyperintensities(brain: Brain, changes: Changes, rng: np.random.Generator) -> None:
    """Periventricular caps and punctate hyperintensities: T2 and ADC both raised."""
    load = float(np.clip(rng.normal(brain.person.atrophy, 0.25), 0, 1.2))
    white = (1 - brain.fluid) * (1 - brain.shares["grey"]) * (brain.points[2] > -8)
    for name in ("striatum", "pallidum", "thalamus", "cerebellum", "brainstem"):
        white *= 1 - brain.shares[name]
    caps = np.clip(1.6 * load - brain.ventricles / 4 + 0.8 * brain.lattice.noise(12, rng) - 0.6, 0, 1)
    spots = np.clip((brain.lattice.noise(9, rng) - 3.4 + 1.1 * load) * 2, 0, 1)
    amount = np.asarray(white * np.maximum(caps, spots), np.float32)
    t2, adc = rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.5)
    changes.t2 *= 1 + t2 * amount
    changes.adc *= 1 + adc * amount
    changes.truth["white_matter_hyperintensities"] = {
        "volume_ml": float((amount > 0.5).sum() * brain.lattice.voxel_ml),
        "t2_ratio": 1 + t2,
        "adc_ratio": 1 + adc,
    }


def _old_lesion(brain: Brain, changes: Changes, rng: np.random.Generator) -> dict[str, Any]:
    """A healed infarct: gliosis that still shines through in DWI, or a cavity that does not."""
    where = np.flatnonzero((brain.fluid < 0.3) & (brain.inside < -4) & (brain.shares["brainstem"] < 0.5))
    spot = int(where[int(rng.integers(len(where)))])
    center = brain.at(spot)
    radius = float(np.exp(rng.normal(np.log(3.5), 0.45)))
    stretch = radius * rng.uniform(0.7, 1.5, 3)
    distance = ellipsoid(brain.points, center, (stretch[0], stretch[1], stretch[2]))
    distance += 0.25 * radius * brain.lattice.noise(2.0 * radius + 3, rng)
    amount = np.clip(0.5 - distance / 2.0, 0, 1).astype(np.float32)
    gliosis = rng.random() < 0.65
    t2, adc = (
        (rng.uniform(1.6, 2.3), rng.uniform(1.15, 1.6))
        if gliosis
        else (rng.uniform(2, 4), rng.uniform(1.9, 3.2))
    )
    changes.t2 *= 1 + (t2 - 1) * amount
    changes.adc *= 1 + (adc - 1) * amount
    return {
        "kind": "gliosis" if gliosis else "cavity",
        "volume_ml": float(amount.sum() * brain.lattice.voxel_ml),
        "t2_ratio": t2,
        "adc_ratio": adc,
        "template_mm": center,
    }


def _plexus_cysts(brain: Brain, changes: Changes, rng: np.random.Generator) -> None:
    """Cysts of the choroid plexus: bright in DWI although their ADC is above that of tissue."""
    radius = float(rng.uniform(2.0, 4.0))
    for side in (-1.0, 1.0):
        distance = ellipsoid(brain.points, (24 * side, -43, 9), (radius, 1.4 * radius, 1.3 * radius))
        amount = np.clip(0.5 - distance / 2, 0, 1) * (brain.ventricles < 0)
        brain.fluid *= 1 - amount
        changes.t2 *= 1 + 2.2 * amount
        changes.adc *= 1 + 0.9 * amount
    changes.truth["plexus_cysts_radius_mm"] = radius


def _bodies(brain: Brain, changes: Changes, rng: np.random.Generator) -> None:
    """Calcifications (diamagnetic) and microbleeds (paramagnetic)."""
    if rng.random() < 0.7:
        changes.bodies.append(
            ((0.0, -31.0, 3.0), float(rng.uniform(1.2, 2.6)), float(rng.uniform(-2.2, -1.0)))
        )
    for side in (-1.0, 1.0):
        if rng.random() < 0.6:
            at = (24 * side, -43.0 + float(rng.normal()), 10.0)
            changes.bodies.append((at, float(rng.uniform(1.2, 2.4)), float(rng.uniform(-2.0, -0.8))))
        if rng.random() < 0.2:
            changes.bodies.append(
                ((20 * side, -1.0, -1.0), float(rng.uniform(1.5, 3)), float(rng.uniform(-1.2, -0.4)))
            )
    solid = np.flatnonzero((brain.fluid < 0.3) & (brain.inside < -6))
    for _ in range(int(rng.poisson(0.3 + 1.2 * brain.person.atrophy))):
        spot = int(solid[int(rng.integers(len(solid)))])
        body = (brain.at(spot), float(rng.uniform(0.8, 1.8)), float(rng.uniform(0.8, 1.8)))
        changes.bodies.append(body)
    changes.truth["calcifications"] = [_told(body) for body in changes.bodies if body[2] < 0]
    changes.truth["microbleeds"] = [_told(body) for body in changes.bodies if body[2] > 0]


def _told(body: tuple[Triple, float, float]) -> dict[str, Any]:
    return {"template_mm": body[0], "radius_mm": body[1], "chi_ppm": body[2]}
