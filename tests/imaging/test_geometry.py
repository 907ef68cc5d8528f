"""Grids compared."""

from __future__ import annotations

import numpy as np
import pytest

from study.imaging.geometry import (
    alignment_fault,
    bounding_box,
    center_of_mass,
    coverage,
    displacement_mm,
    same_grid,
    target_fault,
)
from study.imaging.volume import Grid

SHAPE = (10, 20, 30)
PLAIN = np.array([[0, 0, 2, -30], [0, 2, 0, -20], [6, 0, 0, 5], [0, 0, 0, 1]], float)


def moved(d: float = 0, h: float = 0, w: float = 0) -> Grid:
    """The plain grid, shifted by voxels."""
    affine = PLAIN.copy()
    affine[:3, 3] += affine[:3, :3] @ [d, h, w]
    return Grid(SHAPE, affine)


def test_noise_in_a_header_is_accepted() -> None:
    noise = np.random.default_rng(0).uniform(-1e-7, 1e-7, (4, 4))
    noise[3] = 0
    other = Grid(SHAPE, PLAIN + noise)
    assert same_grid(other, moved())
    assert target_fault(other, moved()) is None
    assert alignment_fault(other, moved()) is None


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0.2)])
def test_a_shift_is_refused_with_its_size(shift: tuple[float, float, float]) -> None:
    millimetres = np.abs(np.array(shift) * [6, 2, 2]).max()
    assert displacement_mm(moved(*shift), moved()) == pytest.approx(millimetres)
    assert f"{millimetres:.2f} mm" in (target_fault(moved(*shift), moved()) or "")
    assert f"{millimetres:.2f} mm" in (alignment_fault(moved(*shift), moved()) or "")


def test_a_mirrored_image_is_refused() -> None:
    affine = PLAIN @ np.diag([1, 1, -1, 1])
    affine[:3, 3] += PLAIN[:3, :3] @ [0, 0, 29]  # the same box, left and right exchanged
    assert coverage(Grid(SHAPE, affine), moved()) == 1
    assert not same_grid(Grid(SHAPE, affine), moved())
    assert target_fault(Grid(SHAPE, affine), moved())
    assert alignment_fault(Grid(SHAPE, affine), moved())


def test_a_small_rotation_is_refused() -> None:
    angle = np.deg2rad(3)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = PLAIN.copy()
    affine[:3, :3] = turn @ PLAIN[:3, :3]
    assert target_fault(Grid(SHAPE, affine), moved())


def test_a_mask_of_another_shape_is_refused_with_both_grids() -> None:
    what = target_fault(moved().cropped((0, 0, 0), (9, 20, 30)), moved())
    assert "9×20×30 at 6.00×2.00×2.00 mm" in what
    assert "10×20×30" in what


def test_an_own_grid_is_accepted_if_it_covers_half_of_the_reference() -> None:
    reference = moved()
    finer = reference.with_spacing((3, 1, 1))
    assert alignment_fault(finer, reference) is None
    assert alignment_fault(reference.cropped((0, 0, 0), (6, 20, 30)), reference) is None
    what = alignment_fault(reference.cropped((0, 0, 0), (3, 20, 30)), reference)
    assert "covers" in what
    assert coverage(reference.cropped((0, 0, 0), (3, 20, 30)), reference) == pytest.approx(0.3, abs=0.05)


def test_bounding_box_ends_after_the_last_voxel() -> None:
    mask = np.zeros((5, 6, 7), bool)
    mask[1, 2, 3] = mask[3, 2, 5] = True
    start, stop = bounding_box(mask)
    assert start.tolist() == [1, 2, 3]
    assert stop.tolist() == [4, 3, 6]


def test_the_center_of_mass_is_the_mean_voxel_and_an_empty_mask_has_none() -> None:
    mask = np.zeros((1, 2, 4), bool)
    mask[0, 0, [1, 3]] = mask[0, 1, [1, 2]] = True
    assert center_of_mass(mask) == (0.0, 0.5, 1.75)
    assert center_of_mass(np.zeros((2, 3, 4), bool)) is None
