"""The plane between the halves of drawn heads that are turned and moved, and the difference between the halves."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from study.config.parts import find_part
from study.imaging.channels.channel import Sources
from study.imaging.channels.midsagittal import Plane, find_plane

SHAPE = (24, 56, 48)
SPACING_MM = (5.0, 3.5, 3.5)
SPOT_MM = np.array([10.0, 15.0, 35.0])  # from the middle of the head: up, front, right


def head(
    about_slices: float = 0.0, about_rows: float = 0.0, shift_mm: float = 0.0, spot: float = 1.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A head that is turned by degrees and moved, and whose halves are alike but for a bright spot.

    Returns:
        Its image, its brain, and the place of each voxel in the head, [3, D, H, W] in mm from the middle.
    """
    at = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij")) * np.reshape(SPACING_MM, (3, 1, 1, 1))
    middle = (np.array(SHAPE) - 1) / 2 * SPACING_MM + [0, 0, shift_mm]
    turn = Rotation.from_euler("xy", [about_slices, about_rows], degrees=True).as_matrix()
    own = np.einsum("ij,jdhw->idhw", turn.T, at - middle.reshape(3, 1, 1, 1))
    d, h, w = own
    inside = (d / 50) ** 2 + (h / 80) ** 2 + (w / 65) ** 2 < 1
    image = 100 + 10 * np.cos(h / 12) * np.cos(w / 9) + 8 * np.sin(d / 14)
    image -= 50 * np.exp(-((d / 14) ** 2) - (h / 28) ** 2 - ((np.abs(w) - 14) / 7) ** 2)
    distance_mm = np.linalg.norm(own - SPOT_MM.reshape(3, 1, 1, 1), axis=0)
    image += 100 * spot * np.exp(-((distance_mm / 8) ** 2))
    return np.where(inside, image, 0).astype(np.float32), inside, own


def true_plane(about_slices: float, about_rows: float, shift_mm: float) -> tuple[np.ndarray, float]:
    turn = Rotation.from_euler("xy", [about_slices, about_rows], degrees=True).as_matrix()
    normal = turn @ [0.0, 0.0, 1.0]
    middle = (np.array(SHAPE) - 1) / 2 * SPACING_MM + [0, 0, shift_mm]
    return normal, float(normal @ middle)


@pytest.mark.parametrize(
    ("about_slices", "about_rows", "shift_mm"), [(0, 0, 0), (0, 0, 9), (12, 0, 0), (-17, 9, -6), (20, -10, 4)]
)
def test_the_plane_of_a_head_that_is_turned_is_found(
    about_slices: float, about_rows: float, shift_mm: float
) -> None:
    image, inside, _ = head(about_slices, about_rows, shift_mm)
    found = find_plane(image, inside, SPACING_MM)
    normal, distance_mm = true_plane(about_slices, about_rows, shift_mm)
    degrees = np.degrees(np.arccos(min(float(normal @ found.normal), 1)))
    assert degrees < 0.7
    assert abs(found.distance_mm - distance_mm) < 0.7
    assert np.linalg.norm(found.normal) == pytest.approx(1)


def test_a_mirror_image_by_hand() -> None:
    image = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    assert_allclose(Plane((0.0, 0.0, 1.0), 4.0).mirrored(image, (5.0, 2.0, 2.0)), image[:, :, ::-1])
    moved = Plane((0.0, 0.0, 1.0), 3.0).mirrored(image, (5.0, 2.0, 2.0))
    assert_allclose(moved[:, :, :4], image[:, :, 3::-1])
    assert_array_equal(moved[:, :, 4], 0)  # nothing lies behind
    halves = Plane((0.0, 0.0, 1.0), 3.5).mirrored(image, (5.0, 2.0, 2.0))  # 1.75 voxels: between two
    assert_allclose(halves[:, :, 1], (image[:, :, 2] + image[:, :, 3]) / 2)
    tilted = Plane((0.0, np.sqrt(0.5), np.sqrt(0.5)), 0.0).mirrored(image[:1, :, :3], (1.0, 1.0, 1.0))
    assert_allclose(tilted[0, 0, 0], image[0, 0, 0], atol=1e-5)  # on the plane


def left_right(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return find_part("channels", "left_right").first.compute(
        Sources({"DWI": image}, inside, SPACING_MM, 1000.0)
    )


def test_what_one_half_has_alone_stands_out_bright_there_and_dark_in_the_other() -> None:
    image, inside, own = head(10, 5, 4)
    found = left_right(image, inside)
    spot = np.linalg.norm(own - SPOT_MM.reshape(3, 1, 1, 1), axis=0) < 6
    other = np.linalg.norm(own - (SPOT_MM * [1, 1, -1]).reshape(3, 1, 1, 1), axis=0) < 6
    elsewhere = inside & (np.linalg.norm(own - SPOT_MM.reshape(3, 1, 1, 1), axis=0) > 25)
    elsewhere &= np.linalg.norm(own - (SPOT_MM * [1, 1, -1]).reshape(3, 1, 1, 1), axis=0) > 25
    assert found[spot].mean() > 0.7
    # The mirror image is interpolated, which takes something off the spot's height.
    assert -found[spot].mean() <= found[other].mean() < -0.8 * found[spot].mean()
    assert np.abs(found[elsewhere]).mean() < 0.02


def test_a_mirrored_brain_has_the_mirrored_channel_with_the_same_sign() -> None:
    image, inside, own = head(-8, 4, 3)
    spot = np.linalg.norm(own - SPOT_MM.reshape(3, 1, 1, 1), axis=0) < 6
    plain = left_right(image, inside)
    mirrored = left_right(image[:, :, ::-1].copy(), inside[:, :, ::-1].copy())[:, :, ::-1]
    assert plain[spot].mean() > 0.7
    assert_allclose(mirrored[spot].mean(), plain[spot].mean(), atol=0.05)
    assert np.abs(mirrored - plain)[inside].mean() < 0.1 * plain[inside].std()


def test_halves_that_are_alike_leave_nothing() -> None:
    image, inside, _ = head(spot=0.0)
    assert np.abs(left_right(image, inside)[inside]).max() < 0.05


def test_a_lesion_of_half_a_hemisphere_does_not_move_the_plane() -> None:
    image, inside, own = head(6, 0, 0, spot=0.0)
    large = inside & (own[2] > 10) & (own[1] > 0)
    assert 0.15 < large.sum() / inside.sum() < 0.25
    found = find_plane(np.where(large, 2.5 * image, image).astype(np.float32), inside, SPACING_MM)
    normal, distance_mm = true_plane(6, 0, 0)
    assert np.degrees(np.arccos(min(float(normal @ found.normal), 1))) < 1.5
    assert abs(found.distance_mm - distance_mm) < 1.5
