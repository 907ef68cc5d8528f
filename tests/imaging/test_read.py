"""NIfTI files that are read, and those that are refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study.errors import CohortError
from study.imaging.read import read_mask, read_volume

SHAPE = (7, 6, 5)
OBLIQUE = np.array(
    [[-1.98, 0.17, 0.1, 60.0], [0.18, 1.95, -0.6, -80.0], [0.03, 0.42, 2.9, -30.0], [0, 0, 0, 1]]
)
AFFINES = {
    "RAS": np.array([[2, 0, 0, -5], [0, 3, 0, 1], [0, 0, 4, 2], [0, 0, 0, 1]], float),
    "LAS": np.array([[-2, 0, 0, 5], [0, 3, 0, 1], [0, 0, 4, 2], [0, 0, 0, 1]], float),
    "LPS": np.array([[-2, 0, 0, 5], [0, -3, 0, 1], [0, 0, 4, 2], [0, 0, 0, 1]], float),
    "PIR": np.array([[0, 0, 4, 5], [-2, 0, 0, 1], [0, -3, 0, 2], [0, 0, 0, 1]], float),
    "oblique LAS": OBLIQUE,
}


def positions(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
    """Where each voxel lies, in millimetres [*shape, 3]."""
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return index @ affine[:3, :3].T + affine[:3, 3]


def anatomy(points: np.ndarray) -> np.ndarray:
    """An image that tells where one is."""
    return (points @ [1.0, 10.0, 0.1]).astype(np.float32)


def problem_of(path: Path, reader: Callable = read_volume) -> str:
    with pytest.raises(CohortError) as caught:
        reader(path, "sub-7")
    (problem,) = caught.value.problems
    assert problem.subject == "sub-7"
    assert problem.file == path
    assert problem.remedy
    return problem.what


@pytest.mark.parametrize("orientation", AFFINES)
def test_every_orientation_gives_slices_rows_columns_at_their_place(
    write_nifti: Callable, orientation: str
) -> None:
    affine = AFFINES[orientation]
    volume = read_volume(write_nifti("a.nii.gz", anatomy(positions(SHAPE, affine)), affine), "s")
    assert volume.data.dtype == np.float32
    assert volume.data.shape == volume.grid.shape
    np.testing.assert_allclose(
        volume.data, anatomy(positions(volume.grid.shape, volume.grid.affine)), rtol=1e-5, atol=1e-4
    )
    # Slices run to superior, rows to anterior, columns to the right.
    assert [int(np.argmax(np.abs(column))) for column in volume.grid.affine[:3, :3].T] == [2, 1, 0]
    assert all(volume.grid.affine[2 - i, i] > 0 for i in range(3))


def test_spacing_is_in_the_order_of_the_array(write_nifti: Callable) -> None:
    volume = read_volume(write_nifti("a.nii", np.ones((3, 4, 5), np.int16), AFFINES["RAS"]), "s")
    assert volume.data.shape == (5, 4, 3)
    assert volume.grid.spacing_mm == pytest.approx((4, 3, 2))
    assert volume.grid.voxel_volume_ml == pytest.approx(0.024)


def test_scaled_integers_are_read_as_values(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.full((2, 2, 2), 3, np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    content = image.to_bytes()
    (tmp_path / "a.nii").write_bytes(content)
    stored = nib.load(tmp_path / "a.nii").dataobj
    volume = read_volume(tmp_path / "a.nii", "s")
    np.testing.assert_allclose(volume.data, stored.slope * stored.get_unscaled() + stored.inter)


def test_a_fourth_axis_of_one_is_dropped(write_nifti: Callable) -> None:
    assert read_volume(write_nifti("a.nii.gz", np.ones((3, 4, 5, 1), np.float32)), "s").data.shape == (
        5,
        4,
        3,
    )


def test_nifti_2_is_read(tmp_path: Path) -> None:
    nib.save(nib.Nifti2Image(np.ones((3, 4, 5), np.float32), np.eye(4)), tmp_path / "a.nii.gz")
    assert read_volume(tmp_path / "a.nii.gz", "s").data.shape == (5, 4, 3)


@pytest.mark.parametrize("shape", [(4, 4, 4, 3), (4, 4)])
def test_what_is_not_three_dimensional_is_refused(write_nifti: Callable, shape: tuple[int, ...]) -> None:
    assert "not 3D" in problem_of(write_nifti("a.nii.gz", np.ones(shape, np.float32)))


@pytest.mark.parametrize("lost", [4, 9, 400])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_truncated_file_is_refused(write_nifti: Callable, name: str, lost: int) -> None:
    noise = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    path = write_nifti(name, noise)
    path.write_bytes(path.read_bytes()[:-lost])
    assert "truncated or damaged" in problem_of(path)


def test_a_changed_byte_in_a_compressed_file_is_refused(write_nifti: Callable) -> None:
    path = write_nifti("a.nii.gz", np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "damaged" in problem_of(path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"x" * 400, gzip.compress(b"x" * 400, mtime=0)])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_what_is_no_nifti_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert problem_of(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in problem_of(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_that_are_no_numbers_are_counted_and_refused(write_nifti: Callable, value: float) -> None:
    array = np.ones((4, 4, 4), np.float32)
    array[0, 0, :2] = value
    assert problem_of(write_nifti("a.nii.gz", array)).startswith("2 of 64 voxels")


def test_complex_and_colour_images_are_refused(write_nifti: Callable) -> None:
    colour = np.zeros((3, 3, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "complex" in problem_of(write_nifti("a.nii.gz", np.ones((3, 3, 3), np.complex64)))
    assert "colours" in problem_of(write_nifti("b.nii.gz", colour))


def test_a_header_without_a_place_in_space_is_refused(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.ones((3, 3, 3), np.float32), np.eye(4))
    content = bytearray(image.to_bytes())
    content[280:328] = bytes(48)  # srow_x, srow_y, srow_z
    (tmp_path / "a.nii").write_bytes(content)
    assert "position in space" in problem_of(tmp_path / "a.nii")


def test_messages_hold_no_text_of_the_header(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.full((3, 3, 3), np.nan, np.float32), np.eye(4))
    image.header["descrip"] = b"DOE^JANE"
    nib.save(image, tmp_path / "a.nii.gz")
    assert "DOE" not in problem_of(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("top", [1, 255])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float64])
def test_masks_are_zero_and_one(write_nifti: Callable, top: int, kind: type) -> None:
    array = np.zeros((3, 3, 3), kind)
    array[1, 2, 0] = top
    mask = read_mask(write_nifti("m.nii.gz", array), "s")
    assert mask.data.dtype == np.uint8
    assert np.argwhere(mask.data).tolist() == [[0, 2, 1]]
    assert mask.data.max() == 1


def test_an_empty_mask_is_legal(write_nifti: Callable) -> None:
    assert not read_mask(write_nifti("m.nii.gz", np.zeros((3, 3, 3), np.uint8)), "s").data.any()


@pytest.mark.parametrize("values", [(1, 2), (0.5,), (-1,), (1, 255), (2,)])
def test_other_masks_are_refused(write_nifti: Callable, values: tuple[float, ...]) -> None:
    array = np.zeros((3, 3, 3), np.float32)
    array.flat[: len(values)] = values
    what = problem_of(write_nifti("m.nii.gz", array), read_mask)
    assert "not binary" in what
    assert f"{values[-1]:g}" in what
