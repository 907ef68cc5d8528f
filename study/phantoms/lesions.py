"""Acute infarcts: position, shape and tissue changes by age; and the clot.

Shapes are level sets of a score in mm, thresholded so that the lowest values make up the requested volume.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.phantoms.brain import Brain
from study.phantoms.centers import Center, Phase
from study.phantoms.shapes import Field
from study.phantoms.vessels import LACUNES, SITES, Path, Site, in_territory, part_of, tube_length_mm

Flat = npt.NDArray[np.float32]

# Ranges of ADC and T2 relative to the same healthy tissue, and of the soft edge in mm, by time since onset (chosen to
# follow the known course: ADC falls first and normalises in the second week, T2 rises after some hours)
_CHANGES: dict[Phase, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "hyperacute": ((0.52, 0.74), (1.00, 1.06), (2.0, 4.0)),
    "acute": ((0.42, 0.66), (1.10, 1.40), (1.5, 3.0)),
    "early_subacute": ((0.50, 0.80), (1.40, 1.85), (1.2, 2.5)),
    "late_subacute": ((0.80, 1.05), (1.55, 2.00), (1.2, 3.0)),
}
SPREAD = 1.25  # of the logarithm of volumes; assumed: most infarcts are small, and a few large ones determine the mean
TAIL = 0.005  # share of the distribution on either side that is not drawn from


@dataclass
class Stroke:
    """An infarct and the clot that caused it.

    Attributes:
        amount: infarcted share of each voxel's parenchyma, `[n]` at the brain's voxels.
        core: factor of the change in each voxel, about 0.6 to 1.
        kind: pattern of the infarct, such as lacunar or wedge.
        phase: time since onset.
        site, side: of the occlusion.
        adc_ratio, t2_ratio: in the core, relative to health.
        requested_ml, simulated_ml: volume requested, and reached on the fine grid.
        components: number of seeds that it has grown from.
        clot: centre line of the thrombus in template mm; None for a recanalised stroke.
        clot_radius_mm, clot_ml: of the thrombus.
    """

    amount: Field
    core: Field
    kind: str
    phase: Phase
    site: str
    side: str
    adc_ratio: float
    t2_ratio: float
    requested_ml: float
    simulated_ml: float
    components: int
    clot: Path | None
    clot_radius_mm: float
    clot_ml: float


def lesion_volume_ml(mean_ml: float, rank: int, ranks: int) -> float:
    """Volume at a rank of a log-normal distribution whose mean over all ranks is `mean_ml`."""
    from scipy import special

    quantiles = np.exp(SPREAD * special.ndtri((np.arange(ranks) + 0.5) / ranks))
    return float(mean_ml * quantiles[rank] / quantiles.mean())


def drawn_volume_ml(mean_ml: float, rank: int, ranks: int, rng: np.random.Generator) -> float:
    """Volume drawn from a rank's part of the same distribution; its mean over many draws of all ranks is `mean_ml`.

    Places in the outer `TAIL` on either side count as its border, as no rank of a hundred lies beyond it.
    """
    from scipy import special

    border = float(special.ndtri(1 - TAIL))
    whole = np.exp(SPREAD**2 / 2) * (special.ndtr(border - SPREAD) - special.ndtr(-border - SPREAD))
    mean = whole + TAIL * 2 * np.cosh(SPREAD * border)
    place = float(np.clip(special.ndtri((rank + rng.random()) / ranks), -border, border))
    return float(mean_ml * np.exp(SPREAD * place) / mean)


def draw_stroke(
    brain: Brain, center: Center, volume_ml: float, clot_ml: float, rng: np.random.Generator
) -> Stroke:
    """Draw a stroke of that volume, of the kinds that the center sees."""
    phases = [phase for phase, _ in center.phases]
    phase = phases[int(rng.choice(len(phases), p=[share for _, share in center.phases]))]
    always_clot = center.thrombus_masks > 0
    kind = _kind(volume_ml, always_clot, rng)
    site = _site(center, kind, rng)
    sign = 1.0 if rng.random() < 0.5 else -1.0
    adc, t2, edge = (float(rng.uniform(*limits)) for limits in _CHANGES[phase])
    amount, components = _grown(brain, kind, site, sign, volume_ml, edge, rng)
    noise = brain.lattice.noise(14, rng)
    radius = float(rng.uniform(1.15, 1.5) if center.occlusion == "distal" else rng.uniform(1.4, 1.9))
    clot = None
    if always_clot or (kind != "lacunar" and rng.random() < 0.5):
        length = tube_length_mm(clot_ml, radius)
        path = np.asarray(site.path) * (sign, 1, 1)
        clot = part_of(path, float(rng.uniform(*site.start_mm)), length)
    return Stroke(
        amount=amount,
        core=np.asarray(np.clip(0.88 + 0.12 * noise, 0.55, 1.05), np.float32),
        kind=kind,
        phase=phase,
        site=site.name if kind != "lacunar" else "perforator",
        side="right" if sign > 0 else "left",
        adc_ratio=adc,
        t2_ratio=t2,
        requested_ml=volume_ml,
        simulated_ml=float((amount * (1 - brain.fluid)).sum() * brain.lattice.voxel_ml),
        components=components,
        clot=clot,
        clot_radius_mm=radius,
        clot_ml=clot_ml if clot is not None else 0.0,
    )


def _kind(volume_ml: float, clot: bool, rng: np.random.Generator) -> str:
    kinds = ("lacunar", "embolic", "cortical", "striatocapsular", "wedge")
    if volume_ml < 2:
        weights = (0.0 if clot else 0.3, 0.35, 0.25, 0.1, 0.0)
    elif volume_ml < 10:
        weights = (0.0, 0.3, 0.2, 0.2, 0.3)
    else:
        weights = (0.0, 0.08, 0.07, 0.10 * (volume_ml < 25), 0.75)
    return str(rng.choice(kinds, p=np.array(weights) / sum(weights)))


def _site(center: Center, kind: str, rng: np.random.Generator) -> Site:
    wanted = [s for s in SITES if center.occlusion == "any" or s.proximal == (center.occlusion == "proximal")]
    if kind == "striatocapsular":
        wanted = [s for s in wanted if s.name == "M1"] or [s for s in wanted if s.territory == "MCA"]
    weights = np.array([site.share for site in wanted])
    return wanted[int(rng.choice(len(wanted), p=weights / weights.sum()))]


def _grown(
    brain: Brain,
    kind: str,
    site: Site,
    sign: float,
    volume_ml: float,
    edge_mm: float,
    rng: np.random.Generator,
) -> tuple[Field, int]:
    """The infarcted share of each voxel, and the number of seeds."""
    territory = "any" if kind in ("lacunar", "striatocapsular") else site.territory
    scattered = kind == "embolic" and rng.random() < 0.3
    # The borders of territories vary from person to person.
    x, y, z = (coordinate + 4 * brain.lattice.noise(20, rng) for coordinate in brain.points)
    allowed = (
        in_territory("any" if scattered else territory, (x, y, z))
        & (brain.fluid < 0.5)
        & (brain.inside < -0.5)
    )
    if not scattered:
        allowed &= brain.points[0] * sign > 0.5
    where = np.flatnonzero(allowed)
    if brain.lattice.voxel_ml * len(where) < 1.2 * volume_ml:
        where = np.flatnonzero((brain.fluid < 0.5) & (brain.inside < -0.5) & (brain.points[0] * sign > 0.5))
    points = np.stack([coordinate[where] for coordinate in brain.points])
    score, seeds = _score(brain, kind, site, sign, volume_ml, points, where, rng)
    solid = 1 - brain.fluid[where]
    order = np.argpartition(score, min(len(score) - 1, int(2 * volume_ml / brain.lattice.voxel_ml) + 50))
    order = order[: int(2 * volume_ml / brain.lattice.voxel_ml) + 50]
    order = order[np.argsort(score[order], kind="stable")]
    filled = np.cumsum(solid[order]) * brain.lattice.voxel_ml
    threshold = score[order[min(len(order) - 1, int(np.searchsorted(filled, volume_ml)))]]
    edge_mm = min(edge_mm, 0.8 * (volume_ml / max(1, seeds) * 240) ** (1 / 3) + 0.5)
    amount = np.zeros_like(brain.fluid)
    amount[where] = np.clip(0.5 + (threshold - score) / edge_mm, 0, 1)
    return amount, seeds


def _score(
    brain: Brain,
    kind: str,
    site: Site,
    sign: float,
    volume_ml: float,
    points: Flat,
    where: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Flat, int]:
    size = (volume_ml * 240) ** (1 / 3)  # radius of a ball of that volume in mm
    coarse = brain.lattice.noise(max(6.0, 1.4 * size), rng)[where]
    fine = brain.lattice.noise(7, rng)[where]
    mirror = np.array([sign, 1, 1])
    seed = np.asarray(site.seeds[int(rng.integers(len(site.seeds)))]) * mirror
    grey = brain.shares["grey"][where]
    if kind == "lacunar":
        place = list(LACUNES.values())[int(rng.integers(len(LACUNES)))]
        stretch = rng.uniform(0.7, 1.4, 3)
        return _away(points, np.asarray(place) * mirror + rng.normal(0, 1.5, 3), stretch) + 0.5 * fine, 1
    if kind == "striatocapsular":
        return _away(
            points, np.array([25.0, 0, 7]) * mirror, np.array([0.6, 1.4, 1.2])
        ) + 0.15 * size * coarse + fine, 1
    if kind == "embolic":
        count = int(np.clip(rng.poisson(3 + 1.2 * volume_ml) + 2, 2, 30))
        return _emboli(points, seed, count, size, grey, rng) + 0.5 * fine, count
    if kind == "cortical":
        return 0.7 * _away(points, seed, np.ones(3)) + 7 * (1 - grey) + 0.25 * size * coarse + 1.5 * fine, 1
    score = _wedge(points, seed, sign) + 0.22 * size * coarse + 1.2 * fine - 1.5 * grey
    if rng.random() < 0.4:
        count = int(rng.integers(1, 7))
        score = np.minimum(score, 0.3 * size + _emboli(points, seed, count, 0.25 * size, grey, rng))
        return score, 1 + count
    return score, 1


def _away(points: Flat, center: npt.NDArray[np.float64], stretch: npt.NDArray[np.float64]) -> Flat:
    offsets = (points - center[:, None].astype(np.float32)) / stretch[:, None].astype(np.float32)
    return np.asarray(np.sqrt((offsets**2).sum(axis=0)), np.float32)


def _wedge(points: Flat, seed: npt.NDArray[np.float64], sign: float) -> Flat:
    """Score of a cone that opens from the deep white matter to the surface, filled from its base."""
    apex = np.array([24.0 * sign, 0.6 * seed[1], 0.5 * seed[2] + 4])
    axis = seed - apex
    axis /= np.linalg.norm(axis) + 1e-6
    offsets = points - apex[:, None].astype(np.float32)
    along = (offsets * axis[:, None].astype(np.float32)).sum(axis=0)
    across = np.sqrt(np.maximum((offsets**2).sum(axis=0) - along**2, 0))
    outside = np.maximum(across - 0.8 * np.maximum(along, 0), 0) + np.maximum(-along, 0)
    return np.asarray(outside + 0.55 * _away(points, seed, np.ones(3)), np.float32)


def _emboli(
    points: Flat, seed: npt.NDArray[np.float64], count: int, size: float, grey: Flat, rng: np.random.Generator
) -> Flat:
    """Distance to the nearest of several spots of unequal size, mostly in the cortex around the seed."""
    weight = np.exp(-((_away(points, seed, np.ones(3)) / 45) ** 2)) * (0.25 + grey)
    total = np.cumsum(weight, dtype=np.float64)
    spots = np.searchsorted(total, rng.random(count) * total[-1])
    radii = np.exp(rng.normal(0, 0.5, count))
    radii *= size / (radii**3).sum() ** (1 / 3)
    score = np.full(points.shape[1], 1e3, np.float32)
    for spot, radius in zip(spots, radii, strict=True):
        stretch = rng.uniform(0.7, 1.4, 3)
        np.minimum(
            score, _away(points, points[:, spot].astype(float), stretch) - np.float32(radius), out=score
        )
    return score
