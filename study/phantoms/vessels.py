"""Arteries with their territories, and veins, in template coordinates of the right side (x > 0, mm)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.phantoms.shapes import Field, Points, Triple

Path = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Site:
    """A site where a clot can lodge, and the tissue that it cuts off.

    Attributes:
        name: of the arterial segment.
        proximal: or distal.
        share: relative frequency.
        path: centre line of the artery, in the direction of flow.
        start_mm: range along the path of the clot's near end.
        territory: that the artery feeds, see `in_territory`.
        seeds: points downstream of the clot from which the infarct may grow.
    """

    name: str
    proximal: bool
    share: float
    path: tuple[Triple, ...]
    start_mm: tuple[float, float]
    territory: str
    seeds: tuple[Triple, ...]


SITES = (
    Site(
        "M1",
        True,
        0.6,
        ((10, 5, -15), (18, 4, -15), (27, 4, -14), (35, 2, -11), (41, 2, -4), (43, -4, 6), (50, -16, 14)),
        (3, 12),
        "MCA",
        ((46, 4, 10), (27, 2, 8), (52, 14, 18), (56, -32, 24), (58, -20, -4), (40, 30, 20)),
    ),
    Site(
        "ICA",
        True,
        0.25,
        ((15, 10, -26), (13, 6, -18), (18, 4, -15), (27, 4, -14), (35, 2, -11), (42, 2, -2)),
        (0, 5),
        "MCA+ACA",
        ((44, 4, 10), (28, 4, 8), (52, 8, 22), (50, -30, 26), (24, 34, 30)),
    ),
    Site(
        "P1",
        True,
        0.15,
        ((2, -18, -15), (9, -20, -14), (17, -26, -10), (21, -36, -6), (20, -50, -2), (17, -66, 2)),
        (0, 6),
        "PCA",
        ((16, -80, 4), (24, -64, -6), (26, -44, -10), (11, -20, 6)),
    ),
    Site(
        "M2 superior",
        False,
        0.3,
        ((35, 2, -11), (40, 5, -2), (43, 4, 8), (50, 2, 18), (57, -2, 28), (56, -8, 38)),
        (2, 16),
        "MCA",
        ((54, -2, 34), (52, 12, 26), (50, -14, 44), (44, 20, 34)),
    ),
    Site(
        "M2 inferior",
        False,
        0.3,
        ((35, 2, -11), (41, -6, -5), (44, -18, 4), (52, -32, 12), (58, -44, 20), (54, -58, 26)),
        (2, 18),
        "MCA",
        ((58, -36, 16), (54, -52, 28), (60, -24, 2), (48, -62, 14)),
    ),
    Site(
        "M2 anterior",
        False,
        0.15,
        ((35, 2, -11), (40, 10, -2), (43, 20, 8), (46, 30, 18), (42, 38, 24)),
        (2, 14),
        "MCA",
        ((46, 30, 14), (42, 40, 12), (48, 20, 26)),
    ),
    Site(
        "A2",
        False,
        0.1,
        ((3, 12, -13), (3, 24, -9), (3, 36, 4), (3, 36, 20), (3, 22, 32), (3, 0, 40), (4, -20, 46)),
        (4, 24),
        "ACA",
        ((8, 36, 30), (8, 8, 56), (8, -20, 58), (8, 50, 10)),
    ),
    Site(
        "P2",
        False,
        0.15,
        ((17, -26, -10), (21, -36, -6), (20, -50, -2), (17, -66, 2), (14, -80, 4)),
        (0, 14),
        "PCA",
        ((14, -82, 6), (20, -70, -4), (12, -64, 10)),
    ),
)

LACUNES: dict[str, Triple] = {
    "putamen": (27, 0, 4),
    "internal capsule": (21, -12, 10),
    "thalamus": (12, -18, 8),
    "corona radiata": (25, -8, 27),
    "centrum semiovale": (27, -22, 38),
    "pons": (4, -26, -32),
}

VEINS: tuple[tuple[tuple[Triple, ...], float], ...] = (
    (((2, 0, 13), (2, -18, 15), (2, -34, 10), (1, -42, 8), (0.5, -50, 14)), 1.1),
    (((18, 8, 17), (14, 2, 17), (5, 0, 14)), 0.7),
    (((2.5, 28, 8), (2, 16, 14), (2, 2, 14)), 0.6),
    (((16, 2, -17), (20, -14, -13), (17, -30, -5), (6, -40, 4), (1, -42, 8)), 0.8),
    (((26, -40, 14), (14, -40, 16), (4, -38, 11)), 0.6),
)


def in_territory(name: str, points: Points) -> npt.NDArray[np.bool_]:
    """Whether points on either side belong to a territory: MCA, ACA, PCA, `MCA+ACA`, cerebellum, stem or `any`."""
    x, y, z = np.abs(points[0]), points[1], points[2]
    if "+" in name:
        first, second = name.split("+")
        return np.asarray(in_territory(first, points) | in_territory(second, points), bool)
    below = (z < -26 + 0.28 * np.maximum(0, -(y + 20))) & (y < -28) & (x < 50)
    stem = (x < 16) & (y > -40) & (y < -8) & (z < -6)
    posterior = (y < -58 + 0.25 * (z - 10)) & (x < 46) & (z < 30)
    medial_temporal = (z < -6) & (y < -16) & (x < 40)
    thalamus = (x < 19) & (y > -32) & (y < -6) & (z > -4) & (z < 19)
    pca = (posterior | medial_temporal | thalamus) & ~below & ~stem
    aca = (x < 18 + 0.1 * np.maximum(0, y)) & (z > -16) & ((y > 22) | (z > 24)) & (y > -48) & ~pca
    table = {
        "PCA": pca,
        "ACA": aca,
        "MCA": ~pca & ~aca & ~below & ~stem & (x > 9),
        "cerebellum": below & ~stem,
        "stem": stem,
        "any": np.ones(x.shape, bool),
    }
    return np.asarray(table[name], bool)


def part_of(path: Path, start_mm: float, length_mm: float) -> Path:
    """The piece of a polyline `[n, 3]` that starts at an arc length; it ends with the path at the latest."""
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    ends = np.clip([start_mm, start_mm + length_mm], 0, along[-1])
    inner = along[(along > ends[0]) & (along < ends[1])]
    wanted = np.concatenate([ends[:1], inner, ends[1:]])
    return np.stack([np.interp(wanted, along, path[:, axis]) for axis in range(3)], axis=1)


def tube_ml(length_mm: float, radius_mm: float) -> float:
    """Volume of a tube with round ends."""
    return float(np.pi * radius_mm**2 * (length_mm + 4 / 3 * radius_mm) / 1000)


def tube_length_mm(volume_ml: float, radius_mm: float) -> float:
    """Length between the centres of the round ends of a tube of that volume."""
    return max(0.0, float(volume_ml * 1000 / (np.pi * radius_mm**2) - 4 / 3 * radius_mm))


def draw_veins(
    points: Points, fluid: Field, inside: Field, rng: np.random.Generator
) -> list[tuple[Path, float]]:
    """Draw deep, medullary and cortical veins of both sides: centre lines in template mm, with radii in mm."""
    veins: list[tuple[Path, float]] = []
    for side in (-1.0, 1.0):
        flip = np.array([side, 1, 1])
        for path, radius in VEINS:
            veins.append((np.asarray(path) * flip + rng.normal(0, 0.6, 3), radius * rng.uniform(0.8, 1.2)))
        for _ in range(int(rng.integers(8, 18))):
            y, z = rng.uniform(-48, 26), rng.uniform(18, 24)
            out = np.array([rng.uniform(12, 24), rng.normal(0, 5), rng.uniform(4, 18)])
            start = np.array([15 - 0.2 * min(y, 0), y, z])
            middle = start + 0.5 * out + rng.normal(0, 1, 3)
            veins.append((np.stack([start, middle, start + out]) * flip, rng.uniform(0.3, 0.55)))
    surface = np.flatnonzero((fluid > 0.75) & (inside < -1.5) & (inside > -7) & (points[2] > -12))
    if len(surface) < 100:
        return veins
    chosen = rng.choice(surface, min(1500, len(surface)), replace=False)
    cloud = np.stack([coordinate[chosen] for coordinate in points], axis=1).astype(float)
    for start in cloud[: int(rng.integers(22, 40))]:
        veins.append((_chain(start, cloud), rng.uniform(0.5, 1.1)))
    return veins


def _chain(start: npt.NDArray[np.float64], cloud: Path) -> Path:
    """A cortical vein: a path over surface points, upwards and towards the midline."""
    chain = [start]
    for _ in range(5):
        goal = np.array([0.25 * chain[-1][0], chain[-1][1] - 2, chain[-1][2] + 14])
        toward = goal - chain[-1]
        wish = chain[-1] + toward * (9 / np.linalg.norm(toward))
        following = cloud[np.argmin(((cloud - wish) ** 2).sum(axis=1))]
        if np.linalg.norm(following - chain[-1]) < 2 or following[0] * start[0] < 0:
            break
        chain.append(following)
    return np.stack(chain) if len(chain) > 1 else np.stack([start, start + np.array([0.0, 0.5, 2.0])])
