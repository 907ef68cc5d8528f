"""Volumes, clots and tissue changes of simulated strokes."""

from __future__ import annotations

import numpy as np
import pytest

from study.phantoms.anatomy import build_brain, draw_person
from study.phantoms.brain import Brain
from study.phantoms.centers import CENTERS
from study.phantoms.lesions import draw_stroke, lesion_volume_ml
from study.phantoms.shapes import ellipsoid
from study.phantoms.tissue import tissues
from study.phantoms.vessels import SITES, in_territory, part_of, tube_length_mm, tube_ml


@pytest.fixture(scope="module")
def brain() -> Brain:
    rng = np.random.default_rng(3)
    return build_brain(draw_person(rng), 3.0, rng)


@pytest.mark.parametrize("center", CENTERS)
def test_volumes_of_a_center_have_its_mean_and_are_mostly_small(center: str) -> None:
    mean = CENTERS[center].lesion_ml
    volumes = [lesion_volume_ml(mean, rank, 9) for rank in range(9)]
    assert np.mean(volumes) == pytest.approx(mean)
    assert volumes == sorted(volumes)
    assert np.median(volumes) < 0.7 * mean


@pytest.mark.parametrize("volume_ml", [0.5, 5.0, 40.0])
@pytest.mark.parametrize("center", ["CHSF", "MATAR", "ISLES"])
def test_an_infarct_has_the_volume_asked_for_on_its_side(brain: Brain, center: str, volume_ml: float) -> None:
    stroke = draw_stroke(brain, CENTERS[center], volume_ml, 0.2, np.random.default_rng(1))
    found = (stroke.amount * (1 - brain.fluid)).sum() * 0.027  # voxels of 3 mm
    assert found == pytest.approx(volume_ml, rel=0.2, abs=0.06)
    if stroke.kind != "embolic":
        x = (stroke.amount * brain.points[0]).sum() / stroke.amount.sum()
        assert (x > 0) == (stroke.side == "right")


def test_phase_decides_on_t2_and_centers_see_the_phases_they_report(brain: Brain) -> None:
    seen: dict[str, list[float]] = {}
    for center, phases in (
        ("CHSF", {"hyperacute"}),  # under 4.5 h
        ("JHU", {"acute"}),  # 6 to 24 h
        ("ISLES", {"acute", "early_subacute", "late_subacute"}),  # up to 3 weeks
    ):
        strokes = [
            draw_stroke(brain, CENTERS[center], 3.0, 0.1, np.random.default_rng(seed)) for seed in range(15)
        ]
        assert {stroke.phase for stroke in strokes} == phases
        for stroke in strokes:
            seen.setdefault(stroke.phase, []).append(stroke.t2_ratio)
    assert max(seen["hyperacute"]) <= 1.06
    assert min(seen["acute"]) >= 1.1
    assert min(seen["early_subacute"]) >= 1.4


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.name)
def test_tissue_behind_a_clot_lies_in_the_territory_of_its_artery(site: object) -> None:
    assert isinstance(site, type(SITES[0]))
    x, y, z = (np.array(values, np.float32) for values in zip(*site.seeds, strict=True))
    assert in_territory(site.territory, (x, y, z)).mean() >= 0.75


def test_proximal_and_distal_centers_have_their_sites(brain: Brain) -> None:
    proximal = {site.name for site in SITES if site.proximal}
    for seed in range(8):
        for center, wanted in (("CHSF", True), ("MATAR", False)):
            stroke = draw_stroke(brain, CENTERS[center], 4.0, 0.1, np.random.default_rng(seed))
            assert (stroke.site in proximal) == wanted
            assert stroke.clot is not None


def test_a_tube_of_known_size_has_its_volume() -> None:
    # radius 2 mm, 9 mm between the centres of its caps: π·4·9 + 4/3·π·8 = 146.6 mm³
    assert tube_ml(9, 2) == pytest.approx(0.14661, rel=1e-4)
    assert tube_length_mm(0.1466077, 2) == pytest.approx(9, rel=1e-4)


def test_part_of_a_path_bends_with_it() -> None:
    path = np.array([[0.0, 0, 0], [10, 0, 0], [10, 10, 0]])
    np.testing.assert_allclose(part_of(path, 8, 5), [[8, 0, 0], [10, 0, 0], [10, 3, 0]])
    np.testing.assert_allclose(part_of(path, 18, 50)[-1], [10, 10, 0])


def test_distance_to_a_ball_is_exact() -> None:
    points = tuple(np.array([value], np.float32) for value in (6, 8, 0))
    assert ellipsoid((points[0], points[1], points[2]), (0, 0, 0), (4, 4, 4))[0] == pytest.approx(6, rel=1e-5)


def test_fluid_diffuses_fast_and_relaxes_slowly_at_any_field() -> None:
    for field_t in (1.5, 3.0):
        table = tissues(field_t, np.random.default_rng(0), 0.04)
        assert table["fluid"].adc > 3 * max(t.adc for name, t in table.items() if name != "fluid")
        assert table["grey"].t2_ms > table["white"].t2_ms > table["pallidum"].t2_ms
    low, high = (tissues(f, np.random.default_rng(0), 0.04)["grey"] for f in (1.5, 3.0))
    assert high.t1_ms > low.t1_ms
    assert high.t2_ms < low.t2_ms


def test_halves_are_alike_but_not_the_same(brain: Brain) -> None:
    right = brain.points[0] > 0
    solid = (1 - brain.fluid) * (brain.inside < 0)
    first, second = solid[right].sum(), solid[~right].sum()
    assert first == pytest.approx(second, rel=0.06)
    assert first != second
