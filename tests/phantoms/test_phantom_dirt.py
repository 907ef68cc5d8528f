"""The disorder of real scans: what it adds, and that without it nothing changes."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from study.config import Dirt, Phantom, validate
from study.errors import ConfigError
from study.phantoms.acquisition import draw_acquisition, truncated
from study.phantoms.anatomy import build_brain, draw_person
from study.phantoms.brain import Brain
from study.phantoms.centers import CENTERS
from study.phantoms.dirt import diffusion_grid, soil, soiled, varied
from study.phantoms.distractors import Changes
from study.phantoms.lesions import draw_stroke
from study.phantoms.roster import phantom_roster
from study.phantoms.simulate import simulate


@pytest.fixture(scope="module")
def brain() -> Brain:
    rng = np.random.default_rng(5)
    return build_brain(draw_person(rng), 2.2, rng)


def unchanged(brain: Brain) -> Changes:
    return Changes(*(np.ones_like(brain.fluid) for _ in range(3)))


def soil_with(brain: Brain, **dirt: float) -> Changes:
    changes = unchanged(brain)
    soil(brain, changes, Dirt(**dirt), np.random.default_rng(1))
    return changes


def test_without_dirt_nothing_changes(brain: Brain) -> None:
    changes = soil_with(brain)
    assert all((values == 1).all() for values in (changes.signal, changes.t2, changes.adc))
    assert changes.truth == {}
    scan = draw_acquisition(CENTERS["ISLES"], 0.0, np.random.default_rng(0))
    assert asdict(soiled(scan, Dirt(), np.random.default_rng(0))) == asdict(scan)
    limits = CENTERS["ISLES"].full_grids[0]
    assert diffusion_grid(limits, Dirt()) is limits


def test_texture_has_the_deviation_that_is_asked_for(brain: Brain) -> None:
    changes = soil_with(brain, texture=0.1)
    for values in (changes.signal, changes.t2, changes.adc):
        assert np.log(values).std() == pytest.approx(0.1, rel=0.1)
        assert np.log(values).mean() == pytest.approx(0, abs=0.02)
    assert abs(np.corrcoef(changes.signal, changes.adc)[0, 1]) < 0.2


def test_zones_near_air_are_bright_on_both_sides(brain: Brain) -> None:
    changes = soil_with(brain, bright_zones=1)
    x, y, z = brain.points
    middle = np.median(changes.signal[(np.abs(x) < 40) & (np.abs(y) < 20) & (z > 20) & (z < 40)])
    for side in (-1, 1):
        petrous = (np.abs(x - side * 48) < 4) & (np.abs(y + 22) < 4) & (np.abs(z + 28) < 3)
        assert petrous.any()
        assert changes.signal[petrous].mean() > middle + 0.2


def test_spots_shine_by_t2_or_are_dark_in_adc_without_being_bright(brain: Brain) -> None:
    shining = soil_with(brain, shine_through=40)
    assert shining.t2.max() > 1.3
    assert shining.adc.min() >= 1
    dark = soil_with(brain, dark_spots=40)
    assert dark.adc.min() < 0.8
    attenuated = dark.signal * np.exp(-0.77 * (dark.adc - 1))  # DWI at b = 1000, relative to health
    assert attenuated.max() < 1.03
    assert len(dark.truth["dark_spots"]) > 20


def test_noise_blur_and_bias_are_factors() -> None:
    scan = draw_acquisition(CENTERS["JHU"], 0.0, np.random.default_rng(0))
    dirty = soiled(scan, Dirt(noise=2, blur=0.5, bias=3), np.random.default_rng(0))
    assert (dirty.snr, dirty.psf_mm, dirty.bias) == (scan.snr / 2, scan.psf_mm / 2, scan.bias * 3)
    snr = [soiled(scan, Dirt(noise_spread=0.3), np.random.default_rng(n)).snr for n in range(300)]
    assert np.log(snr).std() == pytest.approx(0.3, rel=0.15)


def test_a_grid_of_the_dirt_replaces_that_of_the_center() -> None:
    grid = diffusion_grid(CENTERS["ISLES"].full_grids[0], Dirt(slice_mm=(3, 4)))
    assert (grid.in_plane_mm, grid.slice_mm, grid.matrix) == ((0.9, 2.0), (3, 4), None)
    with pytest.raises(ConfigError, match=r"slice_mm: write the smaller value first: \[2, 6\]"):
        validate({"study": {"name": "x"}, "cohort": {"phantom": {"dirt": {"slice_mm": [6, 2]}}}})


def test_truncated_k_space_keeps_waves_and_rings_at_edges() -> None:
    fine = np.arange(96)
    wave = np.cos(2 * np.pi * 5 * fine / 96)
    image = np.broadcast_to(wave[:, None, None], (96, 12, 4)).astype(np.float32)
    coarse = truncated(image, (3, 3, 2))
    assert coarse.shape == (32, 4, 2)
    centers = 3 * np.arange(32) + 1
    np.testing.assert_allclose(coarse[:, 0, 0], np.cos(2 * np.pi * 5 * centers / 96), atol=1e-5)
    step = np.zeros((16, 960, 1), np.float32)
    step[:, 244:724] = 1  # edges lie in the middle of a coarse voxel, so that the next one is at the peak
    ringing = truncated(step, (1, 8, 1))[0, :, 0]
    assert ringing.max() == pytest.approx(1.0895, abs=0.004)  # Wilbraham and Gibbs: 1/2 + Si(π)/π
    assert ringing.min() == pytest.approx(-0.0895, abs=0.004)


def test_varied_strokes_keep_their_place_and_have_every_contrast(brain: Brain) -> None:
    adc, t2 = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        plain = draw_stroke(brain, CENTERS["ISLES"], 12.0, 0.1, rng)
        other = varied(plain, brain, rng)
        adc.append(other.adc_ratio * 0.77)
        t2.append(other.t2_ratio)
        assert np.corrcoef(plain.amount, other.amount)[0, 1] > 0.8
        assert other.amount.sum() == pytest.approx(plain.amount.sum(), rel=0.15)
        assert other.core.min() >= 0.3
    assert min(adc) > 0.3
    assert max(adc) < 0.7
    assert max(adc) - min(adc) > 0.1
    assert max(t2) / min(t2) > 1.3


def test_annotated_subjects_without_a_lesion_have_an_empty_mask() -> None:
    settings = Phantom(centers=("ISLES",), subjects_per_center=1, dirt=Dirt(without_lesion=1))
    found = simulate(phantom_roster(settings)[0], settings)
    assert found.truth["lesion"] is None
    assert not found.masks["lesion"][0].any()
