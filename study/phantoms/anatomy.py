"""A healthy brain: an individual's shape, and the tissue at each point.

Bodies are placed in template coordinates: millimetres with the axes and origin of MNI space, mirrored in x. An
individual is a scaling and a smooth warp of the template, an age, and atrophy to match.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from study.phantoms.brain import Brain, Lattice, Person
from study.phantoms.cortex import arch, folded
from study.phantoms.shapes import Field, Points, coverage, ellipsoid, smooth_noise, smooth_union, tube

LOWEST_MM, HIGHEST_MM = np.array([-78.0, -114.0, -74.0]), np.array([78.0, 82.0, 88.0])  # template box, mm
_BLOCK = 3  # voxels; the hull is first found on a grid that is coarser by this factor


def draw_person(
    rng: np.random.Generator,
    mean: float = 68,
    deviation: float = 13,
    limits: tuple[float, float] = (32, 94),
) -> Person:
    """Draw a person, of stroke age unless the mean age, its standard deviation and its limits say otherwise."""
    age = float(np.clip(rng.normal(mean, deviation), *limits))
    atrophy = float(np.clip((age - 35) / 55 + rng.normal(0, 0.15), 0.05, 1))
    size = rng.normal(0.93, 0.025)
    scale = size * (1 + 0.025 * rng.standard_normal(3)) * (1.0, 0.97, 1.0)
    return Person(
        age=age,
        scale=(float(scale[0]), float(scale[1]), float(scale[2])),
        atrophy=atrophy,
        ventricle=float(np.exp(rng.normal(-0.25 + 0.85 * atrophy, 0.15))),
        sulcus_mm=float(1.0 + 1.7 * atrophy + 0.2 * rng.standard_normal()),
        cortex_mm=float(rng.normal(2.9 - 0.4 * atrophy, 0.12)),
    )


def build_brain(person: Person, step_mm: float, rng: np.random.Generator) -> Brain:
    """Build a person's tissue map on a grid of that step."""
    lattice, points = _lattice(person, step_mm, rng)
    x, y, z = points
    half = (np.abs(x), y, z)
    cerebrum, cerebellum, stem = hulls(half)
    pial, fissures = folded(lattice, half, np.sign(x), cerebrum, person, rng)
    brain = Brain(
        person=person,
        lattice=lattice,
        points=points,
        inside=_outline(cerebrum, cerebellum, stem, lattice, rng),
        ventricles=np.full_like(x, 30),
        fluid=np.asarray(1 - coverage(pial, step_mm), np.float32),
        limbic=np.zeros_like(x),
        tracts=np.zeros_like(x),
    )
    _lower_brain(brain, half, cerebellum, stem, rng)
    _grey_matter(brain, half, pial, cerebrum, rng)
    core = np.flatnonzero((half[0] < 46) & (y > -78) & (y < 42) & (z > -56) & (z < 44))
    inner = (half[0][core], y[core], z[core])
    _place_nuclei(brain, inner, core)
    brain.tracts[core] = tracts(inner)
    brain.ventricles[core] = _ventricles(person, inner, np.sign(x[core]), rng)
    np.maximum(brain.fluid, np.maximum(fissures, coverage(brain.ventricles, step_mm)), out=brain.fluid)
    return brain


def _lattice(person: Person, step_mm: float, rng: np.random.Generator) -> tuple[Lattice, Points]:
    """The voxels within about 6 mm of the brain, and their template coordinates after scaling and warping."""
    low, high = LOWEST_MM * person.scale, HIGHEST_MM * person.scale
    shape = np.ceil((high - low) / step_mm / _BLOCK).astype(int) * _BLOCK
    axes = [low[i] + step_mm * np.arange(shape[i]) for i in range(3)]
    columns = np.ix_(
        *[(axis / scale).astype(np.float32) for axis, scale in zip(axes, person.scale, strict=True)]
    )
    bent = [
        column + 1.8 * smooth_noise(axes, 90, rng) + 0.4 * smooth_noise(axes, 30, rng) for column in columns
    ]
    middle = (slice(_BLOCK // 2, None, _BLOCK),) * 3
    x, y, z = (coordinate[middle] for coordinate in bent)
    cerebrum, cerebellum, stem = hulls((np.abs(x), y, z))
    near = _join(cerebrum, cerebellum, stem) < 6 + 1.5 * _BLOCK * step_mm
    for axis in range(3):
        near = np.repeat(near, _BLOCK, axis)
    where = np.flatnonzero(near)
    lattice = Lattice(low, step_mm, (int(shape[0]), int(shape[1]), int(shape[2])), where)
    px, py, pz = (np.asarray(coordinate.ravel()[where], np.float32) for coordinate in bent)
    return lattice, (px, py, pz)


def _join(cerebrum: Field, cerebellum: Field, stem: Field) -> Field:
    """The outer surface, with the cisterns between the parts filled."""
    return smooth_union(cerebrum, smooth_union(cerebellum, stem, 16), 18)


def _outline(
    cerebrum: Field, cerebellum: Field, stem: Field, lattice: Lattice, rng: np.random.Generator
) -> Field:
    """Distance to the cut of skull-stripping: slightly rough, up to two millimetres outside the pial surface."""
    rough = 0.5 * lattice.noise(16, rng) + 0.2 * lattice.noise(8, rng)
    return np.asarray(
        _join(cerebrum, cerebellum, stem) + rough - np.float32(rng.uniform(-0.2, 1.2)), np.float32
    )


def hulls(half: Points) -> tuple[Field, Field, Field]:
    """Distances to cerebrum, cerebellum and brain stem."""
    frontal = ellipsoid(half, (11, 16, 19), (46, 57, 46))
    parietal = ellipsoid(half, (24, -26, 25), (44, 54, 51))
    occipital = ellipsoid(half, (14, -58, 14), (42, 48, 37))
    temporal = smooth_union(
        ellipsoid(half, (45, -6, -19), (20, 33, 21)), ellipsoid(half, (46, -38, -8), (22, 34, 21)), 8
    )
    cerebrum = smooth_union(smooth_union(frontal, parietal, 22), occipital, 18)
    x, y, z = half
    between = 1 / (1 + np.exp((y + 40) / 4)) / (1 + np.exp((-72 - y) / 3))
    roof = 11 * np.exp(-((x / 15) ** 2)) * between  # of the tentorium, highest in the midline
    floor = (-25 - z) + np.maximum(0, -(y + 20)) * np.float32(0.28) + roof
    cerebrum = -smooth_union(-cerebrum, -floor, 4)
    cerebrum = smooth_union(cerebrum, temporal, 6)
    cerebellum = smooth_union(
        ellipsoid(half, (23, -62, -39), (29, 27, 22)), ellipsoid(half, (0, -60, -28), (17, 23, 25)), 8
    )
    stem = smooth_union(
        smooth_union(
            ellipsoid(half, (0, -25, -34), (17, 12, 16)), tube(half, [(10, -16, -6), (6, -20, -20)], 9), 5
        ),
        tube(half, [(0, -26, -8), (0, -32, -40), (0, -40, -60)], 7.5),
        6,
    )
    return cerebrum, cerebellum, stem


def folia_share(waves: Field, distance: Field) -> Field:
    """How open the clefts between the cerebellum's leaves are, from 0 to 1, less so deeper below the surface.

    `waves` run from -1 to 1 across the leaves; `distance` is negative below the surface.
    """
    return np.asarray(
        np.clip((waves - 0.55) * 2.2, 0, 1) * np.exp(-np.maximum(-distance, 0) / 14), np.float32
    )


def _lower_brain(
    brain: Brain, half: Points, cerebellum: Field, stem: Field, rng: np.random.Generator
) -> None:
    """Cerebellum with its folia, and brain stem, in place of fluid."""
    step, (_, y, z) = brain.lattice.step_mm, half
    angle = np.arctan2(z + 44, y + 40)
    folia = folia_share(waves := np.sin(26 * angle + 1.5 * brain.lattice.noise(16, rng)), cerebellum)
    core = np.minimum(ellipsoid(half, (18, -58, -40), (15, 14, 8)), ellipsoid(half, (0, -52, -36), (9, 7, 7)))
    arbor = np.clip(0.5 - (core + 4 * waves) / 6, 0, 1)
    inside, pons = coverage(cerebellum, step), coverage(stem, step)
    brain.fluid *= 1 - np.maximum(inside * (1 - (0.35 + 0.5 * brain.person.atrophy) * folia), pons)
    brain.shares["cerebellum"] = np.asarray(inside * (1 - arbor) * (1 - pons), np.float32)
    brain.shares["brainstem"] = pons


def _grey_matter(brain: Brain, half: Points, pial: Field, cerebrum: Field, rng: np.random.Generator) -> None:
    """The cortical ribbon, and its parts that are bright in diffusion images."""
    x, y, z = half
    thickness = brain.person.cortex_mm * (1 + 0.12 * brain.lattice.noise(20, rng))
    ribbon = np.clip(0.5 + (pial + thickness) / np.float32(brain.lattice.step_mm * 1.3), 0, 1)
    ribbon *= coverage(cerebrum - 1, 3) * (1 - brain.shares["brainstem"]) * (1 - brain.shares["cerebellum"])
    ribbon[(arch(y, z) < 1.5) & (x < 9)] = 0  # corpus callosum and the walls of the third ventricle
    np.maximum(ribbon, coverage(_hippocampus(half), 3), out=ribbon)
    brain.shares["grey"] = np.asarray(ribbon, np.float32)
    brain.limbic = np.asarray(ribbon * limbic_places(half), np.float32)


def _hippocampus(half: Points) -> Field:
    return tube(half, [(22, -10, -19), (28, -24, -13), (24, -36, -4)], 5)


def limbic_places(half: Points) -> Field:
    """Where cortex is naturally bright in diffusion images, from 0 to 1: insula, cingulum and hippocampus."""
    x, y, z = half
    insula = np.exp(-(((x - 38) / 5) ** 2) - ((y - 2) / 20) ** 2 - ((z - 2) / 14) ** 2)
    cingulum = np.exp(-((x / 6) ** 2) - ((arch(y, z) - 5) / 6) ** 2)
    return np.maximum(np.maximum(insula, cingulum), coverage(_hippocampus(half) - 3, 4))


def deep_nuclei(half: Points) -> dict[str, Field]:
    """Distances to striatum, pallidum and thalamus by name, in the order in which the later replaces the earlier."""
    x, y, z = half
    slanted = (x + 0.25 * (y - 2) - 0.12 * (z - 2), y, z)
    head = ellipsoid(half, (13, 14, 6), (6.5, 9, 9))
    caudate = np.minimum(head, tube(half, [(14, 6, 14), (16, -8, 20), (20, -22, 20)], 3.5))
    return {
        "striatum": np.minimum(caudate, ellipsoid(slanted, (27, 2, 2), (5.5, 17, 11))),
        "pallidum": ellipsoid(slanted, (20.5, -3, -1), (4.5, 9, 6.5)),
        "thalamus": ellipsoid((x + 0.3 * (y + 18), y, z), (11, -18, 7), (9, 15, 9)),
    }


def _place_nuclei(brain: Brain, half: Points, core: npt.NDArray[np.int64]) -> None:
    """Striatum, pallidum and thalamus, in place of cortex, stem and fluid; `half` are the points of `core`."""
    for name, distance in deep_nuclei(half).items():
        share = coverage(distance, 2.0)
        for other in ("grey", "brainstem"):
            brain.shares[other][core] *= 1 - share
        brain.fluid[core] *= 1 - share
        brain.limbic[core] *= 1 - share
        brain.shares[name] = np.zeros_like(brain.fluid)
        brain.shares[name][core] = share


def tracts(half: Points) -> Field:
    """Pyramidal tract and splenium, which remain slightly bright in diffusion images."""
    capsule = tube(half, [(27, -20, 28), (22, -14, 10), (16, -16, -6), (8, -20, -26), (5, -26, -44)], 3.0)
    splenium = tube(half, [(0, -38, 14), (14, -44, 16)], 4.0)
    return np.asarray(np.clip(0.5 - np.minimum(capsule, splenium) / 4, 0, 1), np.float32)


def _ventricles(person: Person, half: Points, side: Field, rng: np.random.Generator) -> Field:
    """Distance to the lateral, third and fourth ventricles; left and right differ slightly in width."""
    wide, (_, y, z) = person.ventricle, half
    uneven = np.float32(rng.normal(0, 0.12)) * side
    horn = tube(half, [(7, 31, 4), (9, 20, 12), (11, 0, 21), (15, -22, 21), (24, -40, 12)], 3.6)
    atrium = np.minimum(
        ellipsoid(half, (24, -42, 10), (6, 9, 9)), tube(half, [(25, -44, 9), (23, -66, 7)], 2.4)
    )
    temporal = tube(half, [(26, -40, 6), (33, -26, -11), (31, -10, -19)], 1.6)
    lateral = smooth_union(np.minimum(horn, temporal), atrium, 4) - np.float32(4.2 * (wide - 0.9)) * (
        1 + uneven
    )
    lateral = np.maximum(lateral, np.float32(0.9) - half[0])  # septum pellucidum
    lateral = np.maximum(lateral, arch(y, z) + np.float32(5.0 - 1.5 * person.atrophy) - 60 * (half[0] > 16))
    third = ellipsoid(half, (0, -12, 2), (1.2 + 1.9 * wide, 17, 12))
    fourth = ellipsoid(half, (0, -43, -33), (4 + 2 * wide, 5, 9))
    return np.asarray(np.minimum(np.minimum(lateral, third), fourth), np.float32)
