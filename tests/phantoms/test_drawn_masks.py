"""Lesion masks as experts draw them."""

from __future__ import annotations

import numpy as np
import pytest

from study.config import Dirt, Phantom
from study.phantoms.acquisition import VoxelGrid
from study.phantoms.masks import as_drawn, largest
from study.phantoms.roster import phantom_roster
from study.phantoms.simulate import simulate

GRID = VoxelGrid((40, 40, 8), np.diag([1.0, 1.0, 4.0, 1.0]), (slice(0, 40), slice(0, 40), slice(0, 8)))


def ball(sulcus: bool) -> np.ndarray:
    """A lesion of radius 12 mm in two slices, through which a sulcus of 1 mm runs or not."""
    x, y = np.mgrid[:40, :40]
    disc = ((x - 20) ** 2 + (y - 20) ** 2 < 144).astype(np.float32)
    if sulcus:
        disc[20] = 0
    share = np.zeros((40, 40, 8), np.float32)
    share[..., 3:5] = disc[..., None]
    return share


def test_an_outline_runs_through_a_sulcus_and_stays_in_its_slices() -> None:
    share = ball(sulcus=True)
    for seed in range(10):
        drawn = as_drawn(share, GRID, np.random.default_rng(seed))
        assert not largest(share)[20].any()
        assert drawn[20, 15:25, 3:5].mean() > 0.5
        assert not drawn[..., [0, 1, 2, 5, 6, 7]].any()


def test_experts_differ_in_how_much_they_draw() -> None:
    share = ball(sulcus=False)
    volumes = [as_drawn(share, GRID, np.random.default_rng(seed)).sum() / share.sum() for seed in range(40)]
    assert 0.85 < min(volumes) < 1.0 < max(volumes) < 1.25
    assert np.mean(volumes) > 1  # rather too large than too small


def test_a_lesion_that_is_fainter_than_any_outline_has_a_mask() -> None:
    share = np.zeros((40, 40, 8), np.float32)
    share[20, 20, 4] = 0.2
    assert as_drawn(share, GRID, np.random.default_rng(0)).sum() == 1


@pytest.mark.parametrize("center", ["ISLES", "JHU"])
def test_drawing_changes_no_diffusion_image(center: str) -> None:
    exact = Phantom(centers=(center,), subjects_per_center=2, dirt=Dirt(varied_lesions=True))
    drawn = exact.model_copy(update={"dirt": Dirt(varied_lesions=True, drawn_masks=True)})
    subject = phantom_roster(exact)[0]
    first, second = simulate(subject, exact), simulate(subject, drawn)
    for name in ("DWI", "ADC"):
        np.testing.assert_array_equal(first.images[name][0], second.images[name][0])
    mask, outlined = first.masks["lesion"][0], second.masks["lesion"][0]
    both = 2 * np.sum(mask & outlined) / (mask.sum() + outlined.sum())
    assert 0.6 < both < 1
