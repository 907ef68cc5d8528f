"""Brains that are found without a mask."""

from __future__ import annotations

import numpy as np
import pytest

from study.imaging.brain import derive_brain
from study.imaging.volume import Grid, Volume

GRID = Grid((20, 40, 40), np.diag([2.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]])


def ellipsoid(radius: float = 1.0) -> np.ndarray:
    d, h, w = np.meshgrid(
        np.linspace(-1, 1, 20), np.linspace(-1, 1, 40), np.linspace(-1, 1, 40), indexing="ij"
    )
    return d**2 + h**2 + w**2 < (0.75 * radius) ** 2


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def volume(data: np.ndarray) -> Volume:
    return Volume(data.astype(np.float32), GRID)


def test_a_skull_stripped_brain_is_what_is_not_zero() -> None:
    rng = np.random.default_rng(0)
    brain = ellipsoid()
    image = np.where(brain, rng.uniform(200, 800, brain.shape), rng.normal(0, 0.01, brain.shape))
    image[10, 20, 20] = 0  # a hole, and negative voxels as interpolation leaves them
    image[10, 20, 10:12] = -9
    image[0, 0, 0] = 500  # a stray voxel
    np.testing.assert_array_equal(derive_brain(volume(image)), brain)


def test_a_head_stands_out_of_noise() -> None:
    rng = np.random.default_rng(0)
    head = ellipsoid()
    noise = rng.rayleigh(20, head.shape)
    found = derive_brain(volume(np.where(head, rng.uniform(200, 600, head.shape), 0) + noise))
    assert overlap(found, head) > 0.95
    assert found[10, 20, 20]


def test_a_crop_inside_the_brain_is_all_brain() -> None:
    image = np.random.default_rng(0).normal(300, 60, GRID.shape)
    assert derive_brain(volume(image)).all()


@pytest.mark.parametrize("value", [0.0, 5.0])
def test_an_image_without_contrast_has_no_brain_or_is_all_brain(value: float) -> None:
    assert derive_brain(volume(np.full(GRID.shape, value))).mean() == (value > 0)
