"""Tumours and plaques: nested, displaced, where they belong, and the same at every examination."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from study.phantoms.altered import Pathology, altered_tissue
from study.phantoms.anatomy import build_brain, draw_person
from study.phantoms.brain import Brain
from study.phantoms.plaques import SITES, Plaque, draw_plaques, show_plaques
from study.phantoms.tumours import CORE, Focus, displaced, draw_focus, draw_tumour, positions_mm

STEP_MM = 2.2


@pytest.fixture(scope="module")
def brain() -> Brain:
    rng = np.random.default_rng(3)
    return build_brain(draw_person(rng, 45, 5), STEP_MM, rng)


def tumour_of(
    brain: Brain, seed: int, *, high_grade: bool, median_ml: float = 30.0
) -> tuple[Focus, Brain, Pathology]:
    rng = np.random.default_rng(seed)
    focus = draw_focus(brain, median_ml, high_grade=high_grade, rng=rng)
    pushed = displaced(brain, focus)
    tissues = altered_tissue(3.0, rng, 0.0)
    return focus, pushed, draw_tumour(pushed, focus, tissues, high_grade=high_grade, rng=rng)


def test_tissue_is_pushed_outwards_and_the_skull_stays(brain: Brain) -> None:
    center = np.array([24.0, 4.0, 26.0])
    focus = Focus(center, 1.0, core_ml=33.5, oedema_ml=0, radius_mm=20.0, push=0.4)
    pushed = displaced(brain, focus)
    place = positions_mm(brain)
    surface = int(np.argmin(((place - (center + np.array([0, 20, 0]))[:, None]) ** 2).sum(axis=0)))
    # What is now 20 mm in front of the middle was 12 mm in front of it: 20 − 0.4 · 20.
    before = int(np.argmin(((place - (center + np.array([0, 12, 0]))[:, None]) ** 2).sum(axis=0)))
    assert pushed.points[1][surface] == pytest.approx(brain.points[1][before], abs=1.6)
    far = np.sqrt(((place - center[:, None]) ** 2).sum(axis=0)) > 110
    np.testing.assert_allclose(pushed.points[0][far], brain.points[0][far], atol=0.2)
    at_skull = np.abs(brain.inside) < 0.5
    np.testing.assert_array_equal(pushed.inside[at_skull] < 0, brain.inside[at_skull] < 0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_glioblastoma_is_nested(brain: Brain, seed: int) -> None:
    focus, pushed, found = tumour_of(brain, seed, high_grade=True)
    lattice, shares = pushed.lattice, found.regions
    total = sum(shares.values())
    assert total.max() <= 1 + 1e-5
    assert min(share.min() for share in shares.values()) >= 0
    dead = lattice.spread(shares["necrosis"]) > 0.5
    core = lattice.spread(sum(shares[name] for name in CORE)) > 0.5
    assert dead.any()
    around = ndimage.binary_dilation(dead, iterations=1) & ~dead
    assert core[around].mean() > 0.9  # the dead core is enclosed by living tumour
    outside = ndimage.binary_dilation(core, iterations=2) & ~core
    oedema = lattice.spread(shares["oedema"]) > 0.3
    assert oedema[outside].mean() > 0.2  # and the tumour by oedema, except at ventricles and cortex
    volume = core.sum() * lattice.voxel_ml
    assert volume == pytest.approx(focus.core_ml, rel=0.25)


def test_a_low_grade_tumour_is_solid_and_hardly_enhances(brain: Brain) -> None:
    shares = [tumour_of(brain, seed, high_grade=False)[2].regions for seed in range(4)]
    for found in shares:
        assert not found["necrosis"].any()
        assert found["enhancing"].sum() < 0.25 * found["solid"].sum()


@pytest.mark.parametrize("high_grade", [True, False])
def test_a_tumour_stays_in_its_half_and_out_of_the_ventricles(brain: Brain, high_grade: bool) -> None:
    focus, pushed, found = tumour_of(brain, 5, high_grade=high_grade)
    total = sum(found.regions.values())
    x = pushed.points[0] * focus.side
    assert total[x < 0].max(initial=0) == 0
    assert total[pushed.ventricles < 0].max(initial=0) < 0.05
    cortex = (pushed.shares["grey"] > 0.9) & (pushed.fluid < 0.2)
    assert (
        found.regions["oedema"][cortex].mean() < found.regions["oedema"][pushed.shares["grey"] < 0.1].mean()
    )


def test_the_patches_make_the_mixture_that_the_regions_say(brain: Brain) -> None:
    _, pushed, found = tumour_of(brain, 1, high_grade=True)
    tissues = {
        name: found.patches[place].tissue
        for place, name in enumerate(("oedema", "solid", "enhancing", "necrosis"))
    }
    maps = {"t1_ms": np.full(len(pushed.fluid), 900, np.float32)}
    found.paint(maps)
    expected = 900 * (1 - sum(found.regions.values()))
    expected = expected + sum(share * tissues[name].t1_ms for name, share in found.regions.items())
    np.testing.assert_allclose(maps["t1_ms"], expected, rtol=2e-3)


def shown_alone(brain: Brain, plaque: Plaque) -> np.ndarray:
    """The share of each voxel that a plaque has alone."""
    tissues = altered_tissue(3.0, np.random.default_rng(0), 0.0)
    return show_plaques(brain, [plaque], 1, tissues, np.random.default_rng(0)).regions["lesion"]


@pytest.fixture(scope="module")
def plaques(brain: Brain) -> list[Plaque]:
    return draw_plaques(brain, 25.0, 1, np.random.default_rng(2))


def test_there_are_plaques_at_every_site(plaques: list[Plaque]) -> None:
    assert {plaque.site for plaque in plaques} == set(SITES)


def test_plaques_touch_what_they_are_called_after(brain: Brain, plaques: list[Plaque]) -> None:
    near = {"periventricular": [], "juxtacortical": [], "deep": [], "infratentorial": []}
    below = brain.shares["brainstem"] + brain.shares["cerebellum"]
    for plaque in plaques:
        extent = shown_alone(brain, plaque) > 0.1
        if plaque.site not in near or not extent.any():
            continue
        near[plaque.site].append(
            {
                "periventricular": brain.ventricles[extent].min() < STEP_MM,
                "juxtacortical": brain.shares["grey"][extent].max() > 0.25,
                "deep": brain.ventricles[extent].min() > 1.0,
                "infratentorial": below[extent].max() > 0.5 or brain.points[2][extent].max() < -15,
            }[plaque.site]
        )
    assert all(near.values())
    assert {site: np.mean(found) for site, found in near.items()} == dict.fromkeys(near, 1.0)


def test_ovals_at_the_ventricles_stand_on_their_wall(brain: Brain, plaques: list[Plaque]) -> None:
    standing = [plaque for plaque in plaques if plaque.site == "periventricular"]
    assert len(standing) > 5
    place = positions_mm(brain)

    def distance(point: np.ndarray) -> float:
        return float(brain.ventricles[np.argmin(((place - point[:, None]) ** 2).sum(axis=0))])

    further = [
        distance(one.center_mm + 4 * one.axis) > distance(one.center_mm - 4 * one.axis) for one in standing
    ]
    assert np.mean(further) > 0.9
    assert all(one.radii_mm[0] > 1.3 * one.radii_mm[1] for one in standing)


def test_plaques_are_born_grow_and_stay_where_they_are(brain: Brain) -> None:
    first = draw_plaques(brain, 8.0, 5, np.random.default_rng(4))
    assert {plaque.born for plaque in first} > {1}
    grown = [replace(plaque, growth=0.05) for plaque in first]
    tissues = altered_tissue(3.0, np.random.default_rng(0), 0.0)
    looks = [show_plaques(brain, grown, visit, tissues, np.random.default_rng(1)) for visit in (1, 3, 5)]
    volumes = [look.regions["lesion"].sum() for look in looks]
    assert volumes == sorted(volumes)
    assert volumes[0] < volumes[2]
    assert [len(look.patches) for look in looks] == [
        sum(p.born <= visit for p in first) for visit in (1, 3, 5)
    ]
    early, late = (look.regions["lesion"] > 0.5 for look in looks[::2])
    assert late[early].mean() > 0.98
