"""Volumes from one grid to another."""

from __future__ import annotations

import numpy as np
import pytest

from study.imaging.resample import covered, resample
from study.imaging.volume import Grid

SHAPE = (9, 12, 14)
PLAIN = np.array([[0, 0, 2, -30], [0, 2, 0, -20], [5, 0, 0, 5], [0, 0, 0, 1]], float)


def turned(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = PLAIN.copy()
    affine[:3, :3] = turn @ PLAIN[:3, :3]
    return affine


def by_torchio(
    data: np.ndarray, source: Grid, target: Grid, *, mask: bool, interpolation: str = "linear"
) -> np.ndarray:
    """The other implementation: TorchIO arrays are [1, x, y, z], ours [z, y, x]."""
    import torch
    import torchio

    swap = np.eye(4)[[2, 1, 0, 3]]
    kind = torchio.LabelMap if mask else torchio.ScalarImage
    image = kind(tensor=torch.from_numpy(data.T[None].copy()), affine=source.affine @ swap)
    shape = target.shape[::-1]
    resampled = torchio.Resample((shape, target.affine @ swap), image_interpolation=interpolation)(image)
    return resampled.data[0].numpy().T


SOURCE = Grid(SHAPE, PLAIN)
TARGETS = {
    "finer": SOURCE.with_spacing((2.5, 1.1, 1.3)),
    "coarser": SOURCE.with_spacing((7, 3.3, 3)),
    "mixed": SOURCE.with_spacing((3, 2, 4)),
    "cropped": SOURCE.cropped((2, 3, 4), (7, 9, 11)),
    "turned": Grid((10, 11, 12), turned(10)),
    "larger": SOURCE.cropped((-3, -2, -4), (12, 15, 18)).with_spacing((2, 2, 2)),
}


@pytest.mark.parametrize("target", TARGETS)
def test_linear_resampling_equals_torchio(target: str) -> None:
    data = np.random.default_rng(0).normal(100, 20, SHAPE).astype(np.float32)
    ours = resample(data, SOURCE, TARGETS[target], order=1)
    theirs = by_torchio(data, SOURCE, TARGETS[target], mask=False)
    assert ours.dtype == np.float32
    inside = covered(SOURCE, TARGETS[target])
    assert inside.mean() > 0.2
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-3)
    assert not ours[~inside].any()


@pytest.mark.parametrize("target", TARGETS)
def test_nearest_resampling_equals_torchio(target: str) -> None:
    # Centres half-way between two voxels may fall on either side: the target is moved off them.
    affine = TARGETS[target].affine.copy()
    affine[:3, 3] += [0.013, 0.017, 0.011]
    grid = Grid(TARGETS[target].shape, affine)
    mask = (np.random.default_rng(0).random(SHAPE) > 0.6).astype(np.uint8)
    ours = resample(mask, SOURCE, grid, order=0)
    theirs = by_torchio(mask, SOURCE, grid, mask=True)
    assert ours.dtype == np.uint8
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("degrees", [0, 10])
def test_cubic_resampling_equals_torchio_away_from_the_edges(degrees: float) -> None:
    """What lies beyond the edges is assumed differently there, and fades by three quarters with each voxel."""
    source = Grid((24, 26, 28), PLAIN)
    place = turned(degrees)
    place[:3, 3] = (PLAIN @ [9.3, 9.4, 9.6, 1])[:3]
    target = Grid((6, 7, 8), place)
    data = np.random.default_rng(0).normal(100, 20, source.shape).astype(np.float32)
    ours = resample(data, source, target, order=3)
    theirs = by_torchio(data, source, target, mask=False, interpolation="bspline")
    np.testing.assert_allclose(ours, theirs, atol=0.02)
    linear = resample(data, source, target, order=1)
    assert np.abs(ours - linear).max() > 10


def test_cubic_resampling_swings_neither_beyond_the_values_nor_into_the_background() -> None:
    data = np.zeros((20, 20, 20), np.float32)
    data[6:14, 6:14, 6:14] = 5
    data[6:14, 6:14, 10:14] = 900
    source = Grid(data.shape, np.diag([1.0, 1.0, 1.0, 1.0]))
    target = source.with_spacing((0.7, 0.7, 0.7))
    found = resample(data, source, target, order=3)
    assert found.min() == 0
    assert found.max() == 900
    np.testing.assert_array_equal(found[resample(data, source, target, order=1) == 0], 0)


def test_a_slope_in_space_stays_the_same_slope() -> None:
    def slope(grid: Grid) -> np.ndarray:
        index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
        return ((index @ grid.affine[:3, :3].T + grid.affine[:3, 3]) @ [1.0, -2.0, 0.5]).astype(np.float32)

    target = Grid((4, 5, 6), turned(7) + np.array([[0, 0, 0, 6], [0, 0, 0, 6], [0, 0, 0, 9], [0, 0, 0, 0]]))
    np.testing.assert_allclose(resample(slope(SOURCE), SOURCE, target, order=1), slope(target), atol=1e-3)


def test_the_same_grid_with_noise_in_the_header_copies_values() -> None:
    data = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    other = Grid(SHAPE, PLAIN + 1e-7)
    np.testing.assert_array_equal(resample(data, SOURCE, other, order=1), data)


def test_a_crop_and_back_copies_values_and_leaves_zero_outside() -> None:
    data = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    part = SOURCE.cropped((2, 3, 4), (7, 9, 11))
    crop = resample(data, SOURCE, part, order=1)
    np.testing.assert_array_equal(crop, data[2:7, 3:9, 4:11])
    back = resample(crop, part, SOURCE, order=1)
    np.testing.assert_array_equal(back[2:7, 3:9, 4:11], crop)
    assert np.count_nonzero(back) == np.count_nonzero(crop)


def test_grids_that_do_not_meet_give_zeros() -> None:
    away = SOURCE.cropped((50, 0, 0), (52, 3, 3))
    assert not resample(np.ones(SHAPE, np.float32), SOURCE, away, order=1).any()


def test_one_slice_is_enough() -> None:
    flat = SOURCE.cropped((4, 0, 0), (5, 12, 14))
    data = np.ones(flat.shape, np.float32)
    np.testing.assert_array_equal(resample(data, flat, flat.with_spacing((5, 1, 1)), order=1), 1)


def test_a_new_spacing_covers_the_same_box_around_the_same_centre() -> None:
    grid = SOURCE.with_spacing((4, 2, 3))
    assert grid.spacing_mm == pytest.approx((4, 2, 3))
    assert grid.shape == (12, 12, 10)  # 45 mm / 4 = 11.25, 28 mm / 3 = 9.3
    old, new = ([(size - 1) / 2 for size in one.shape] for one in (SOURCE, grid))
    np.testing.assert_allclose(SOURCE.affine @ [*old, 1], grid.affine @ [*new, 1], atol=1e-12)


def test_a_grid_survives_json() -> None:
    import json

    grid = Grid(SHAPE, turned(7))
    again = Grid.from_dict(json.loads(json.dumps(grid.to_dict())))
    assert again.shape == grid.shape
    np.testing.assert_array_equal(again.affine, grid.affine)
