"""One healthy brain: an individual's shape, and which tissue lies where on a fine grid.

Bodies are placed in template coordinates: millimetres with the axes and origin of the MNI space, mirrored in x. An
individual is a scaling and a smooth warp of the template, an age, and the atrophy that goes with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from study.cohort.phantom.cortex import folded
from study.cohort.phantom.shapes import (
    Field,
    Points,
    Triple,
    coverage,
    ellipsoid,
    smooth_noise,
    smooth_union,
    tube,
)

_LOW, _HIGH = np.array([-76.0, -112.0, -70.0]), np.array([76.0, 80.0, 86.0])  # template box, mm


@dataclass(frozen=True)
class Person:
    """What makes a brain individual: age in years, relative size, atrophy 0..1 and its consequences in mm."""

    age: float
    scale: Triple
    atrophy: float
    ventricle: float
    sulcus_mm: float
    cortex_mm: float


@dataclass
class Brain:
    """Tissue shares on a fine grid `[X, Y, Z]`, axes right, anterior, superior.

    Attributes:
        origin_mm, step_mm: centre of the first voxel and voxel size.
        points: template coordinates of each voxel; x is signed (right positive).
        inside: distance to the outer surface of the brain with its fluid in mm, negative inside.
        ventricles: distance to the ventricles in mm.
        fluid: share of cerebrospinal fluid, the rest is parenchyma.
        shares: share of each other tissue in the parenchyma where it is not white matter.
        limbic: share of cortex that is naturally bright in diffusion (insula, cingulum, hippocampus).
        tracts: share of dense tracts along the body axis.
    """

    person: Person
    origin_mm: npt.NDArray[np.float64]
    step_mm: float
    points: Points
    inside: Field
    ventricles: Field
    fluid: Field
    shares: dict[str, Field] = field(default_factory=dict)
    limbic: Field | None = None
    tracts: Field | None = None

    @property
    def axes(self) -> list[npt.NDArray[np.float64]]:
        """Millimetre positions along the three axes."""
        return [o + self.step_mm * np.arange(n) for o, n in zip(self.origin_mm, self.fluid.shape, strict=True)]

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return self.step_mm**3 / 1000


def draw_person(rng: np.random.Generator) -> Person:
    """Someone of stroke age."""
    age = float(np.clip(rng.normal(68, 13), 32, 94))
    atrophy = float(np.clip((age - 40) / 55 + rng.normal(0, 0.15), 0, 1))
    size = rng.normal(0.91, 0.025)
    scale = tuple(float(size * s) for s in (1 + 0.025 * rng.standard_normal(3)) * (1.0, 0.99, 1.01))
    return Person(
        age=age,
        scale=(scale[0], scale[1], scale[2]),
        atrophy=atrophy,
        ventricle=float(np.exp(rng.normal(-0.25 + 0.85 * atrophy, 0.15))),
        sulcus_mm=float(0.9 + 2.1 * atrophy + 0.2 * rng.standard_normal()),
        cortex_mm=float(rng.normal(2.9 - 0.4 * atrophy, 0.12)),
    )


def build_brain(person: Person, step_mm: float, rng: np.random.Generator) -> Brain:
    """The tissue map of a person on a grid of that step."""
    low, high = _LOW * person.scale, _HIGH * person.scale
    size = np.ceil((high - low) / step_mm).astype(int)
    axes = [low[i] + step_mm * np.arange(size[i]) for i in range(3)]
    points = _warped(axes, person, rng)
    x, y, z = points
    half = (np.abs(x), y, z)
    cerebrum, temporal, cerebellum, stem = _hulls(half)
    inside = smooth_union(cerebrum, smooth_union(cerebellum, stem, 8), 7)
    inside = inside + np.float32(0.5) * smooth_noise(axes, 14, rng) - np.float32(0.6)
    pial, sheets = folded(half, x, cerebrum, temporal, person, step_mm * 1.0, rng)
    brain = Brain(person, low, step_mm, points, inside, np.empty(0, np.float32), coverage(-pial, step_mm))
    _lower_brain(brain, half, cerebellum, stem, rng)
    _grey_matter(brain, half, pial, cerebrum, rng)
    _deep_nuclei(brain, half)
    _ventricles(brain, half, rng)
    np.maximum(brain.fluid, sheets, out=brain.fluid)
    return brain


def _warped(axes: list[npt.NDArray[np.float64]], person: Person, rng: np.random.Generator) -> Points:
    """Template coordinates of the grid of a person: scaled, bent and bulged (2 mm over 90 mm)."""
    columns = np.ix_(*[(axis / scale).astype(np.float32) for axis, scale in zip(axes, person.scale, strict=True)])
    warped = []
    for column in columns:
        coarse = 1.6 * smooth_noise(axes, 90, rng) + 0.5 * smooth_noise(axes, 30, rng)
        warped.append(np.asarray(column + coarse, np.float32))
    return warped[0], warped[1], warped[2]


def _hulls(half: Points) -> tuple[Field, Field, Field, Field]:
    """Distances to cerebrum, temporal lobe, cerebellum and brain stem."""
    frontal = ellipsoid(half, (21, 28, 20), (43, 43, 45))
    parietal = ellipsoid(half, (27, -25, 27), (42, 56, 49))
    occipital = ellipsoid(half, (20, -66, 12), (38, 39, 36))
    temporal = smooth_union(
        ellipsoid(half, (46, -8, -19), (20, 32, 21)), ellipsoid(half, (48, -38, -8), (20, 34, 21)), 8
    )
    cerebrum = smooth_union(smooth_union(frontal, parietal, 14), occipital, 12)
    x, y, z = half
    floor = (-24 - z) + np.maximum(0, -(y + 20)) * np.float32(0.28)  # skull base and tentorium
    cerebrum = np.maximum(cerebrum, np.minimum(floor, 60))
    cerebrum = smooth_union(cerebrum, temporal, 5)
    cerebellum = smooth_union(ellipsoid(half, (24, -62, -40), (28, 27, 21)), ellipsoid(half, (0, -64, -36), (14, 24, 20)), 6)
    stem = smooth_union(
        smooth_union(ellipsoid(half, (0, -25, -34), (17, 12, 16)), tube(half, [(10, -16, -6), (6, -20, -20)], 9), 5),
        tube(half, [(0, -26, -8), (0, -32, -40), (0, -40, -68)], 7.5),
        6,
    )
    return cerebrum, temporal, cerebellum, stem


def _lower_brain(brain: Brain, half: Points, cerebellum: Field, stem: Field, rng: np.random.Generator) -> None:
    """Cerebellum with its folia, and brain stem, in place of fluid."""
    step = brain.step_mm
    x, y, z = half
    angle = np.arctan2(z + 44, y + 40)
    waves = np.sin(24 * angle + 1.2 * smooth_noise(brain.axes, 16, rng))
    depth = -cerebellum
    folia = np.clip((waves - 0.72) * 2.2, 0, 1) * np.exp(-np.maximum(depth, 0) / 7)
    core = np.minimum(ellipsoid(half, (18, -58, -38), (15, 14, 8)), ellipsoid(half, (0, -52, -34), (9, 7, 7)))
    arbor = np.clip(0.5 - (core + 4 * waves) / 6, 0, 1)
    inside = coverage(cerebellum, step)
    pons = coverage(stem, step)
    brain.fluid *= 1 - np.maximum(inside * (1 - (0.25 + 0.45 * brain.person.atrophy) * folia), pons)
    brain.shares["cerebellum"] = inside * (1 - arbor) * (1 - pons)
    brain.shares["brainstem"] = pons


def _grey_matter(brain: Brain, half: Points, pial: Field, cerebrum: Field, rng: np.random.Generator) -> None:
    """The cortical ribbon, and its parts that are bright in diffusion."""
    x, y, z = half
    thickness = brain.person.cortex_mm * (1 + 0.12 * smooth_noise(brain.axes, 20, rng))
    ribbon = np.clip(0.5 + (pial + thickness) / np.float32(brain.step_mm * 1.3), 0, 1)
    ribbon *= coverage(cerebrum - 1, 3) * (1 - brain.shares["brainstem"]) * (1 - brain.shares["cerebellum"])
    callosum = (_arch(y, z) < 1.5) & (x < 9)
    ribbon[callosum] = 0
    hippocampus = tube(half, [(22, -10, -19), (28, -24, -13), (24, -36, -4)], 5)
    np.maximum(ribbon, coverage(hippocampus, 3), out=ribbon)
    brain.shares["grey"] = ribbon
    insula = np.exp(-(((x - 38) / 5) ** 2) - ((y - 2) / 20) ** 2 - ((z - 2) / 14) ** 2)
    cingulum = np.exp(-((x / 6) ** 2) - ((_arch(y, z) - 5) / 6) ** 2)
    brain.limbic = np.asarray(ribbon * np.maximum(np.maximum(insula, cingulum), coverage(hippocampus - 3, 4)), np.float32)


def _arch(y: Field, z: Field) -> Field:
    """Distance to the outer edge of the corpus callosum in the midline, negative within."""
    k = np.sqrt(((y + 5) / 38) ** 2 + ((z - 4) / 24) ** 2)
    return np.asarray((k - 1) * 24, np.float32)


def _deep_nuclei(brain: Brain, half: Points) -> None:
    """Striatum, pallidum and thalamus, and the dense tracts between and below them."""
    caudate = np.minimum(ellipsoid(half, (13, 14, 6), (6.5, 9, 9)), tube(half, [(14, 6, 14), (16, -8, 20), (20, -22, 20)], 3.5))
    slanted = (half[0] + 0.25 * (half[1] - 2) - 0.12 * (half[2] - 2), half[1], half[2])
    bodies = {
        "striatum": np.minimum(caudate, ellipsoid(slanted, (27, 2, 2), (5.5, 17, 11))),
        "pallidum": ellipsoid(slanted, (20.5, -3, -1), (4.5, 9, 6.5)),
        "thalamus": ellipsoid((half[0] + 0.3 * (half[1] + 18), half[1], half[2]), (11, -18, 7), (9, 15, 9)),
    }
    for name, distance in bodies.items():
        brain.shares[name] = coverage(distance, 2.0)
        for other in ("grey", "brainstem"):
            brain.shares[other] *= 1 - brain.shares[name]
        brain.fluid *= 1 - brain.shares[name]
    capsule = tube(half, [(27, -20, 28), (22, -14, 10), (16, -16, -6), (8, -20, -26), (5, -26, -44)], 3.0)
    splenium = tube(half, [(0, -38, 14), (14, -44, 16)], 4.0)
    brain.tracts = np.asarray(np.clip(0.5 - np.minimum(capsule, splenium) / 4, 0, 1), np.float32)


def _ventricles(brain: Brain, half: Points, rng: np.random.Generator) -> None:
    """Lateral, third and fourth ventricle, and the fluid around the brain stem."""
    wide, (x, y, z) = brain.person.ventricle, half
    side = np.float32(rng.normal(0, 0.12)) * np.sign(brain.points[0])
    horn = tube(half, [(7, 31, 4), (9, 20, 12), (11, 0, 21), (15, -22, 21), (24, -40, 12)], 3.6)
    atrium = np.minimum(ellipsoid(half, (24, -42, 10), (6, 9, 9)), tube(half, [(25, -44, 9), (23, -66, 7)], 2.4))
    temporal = tube(half, [(26, -40, 6), (33, -26, -11), (31, -10, -19)], 1.6)
    lateral = smooth_union(np.minimum(horn, temporal), atrium, 4) - np.float32(4.2 * (wide - 0.9)) * (1 + side)
    lateral = np.maximum(lateral, np.float32(0.9) - x)  # septum pellucidum
    lateral = np.maximum(lateral, _arch(y, z) + np.float32(5.0 - 1.5 * brain.person.atrophy) - 60 * (x > 16))
    third = ellipsoid(half, (0, -12, 2), (1.2 + 1.9 * wide, 17, 12))
    fourth = ellipsoid(half, (0, -43, -33), (4 + 2 * wide, 5, 9))
    brain.ventricles = np.minimum(np.minimum(lateral, third), fourth)
    filled = coverage(brain.ventricles, brain.step_mm)
    np.maximum(brain.fluid, filled, out=brain.fluid)
