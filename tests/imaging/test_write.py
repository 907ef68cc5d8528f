"""Masks and volumes written as NIfTI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study.errors import ConfigError
from study.imaging.read import read_mask, read_volume
from study.imaging.write import write_mask, write_volume

AFFINES = {
    "RAS": np.diag([2.0, 3.0, 4.0, 1.0]),
    "LPS": np.array([[-2, 0, 0, 5], [0, -3, 0, 1], [0, 0, 4, 2], [0, 0, 0, 1]], float),
    "PIR": np.array([[0, 0, 4, 5], [-2, 0, 0, 1], [0, -3, 0, 2], [0, 0, 0, 1]], float),
    "oblique": np.array(
        [[-1.98, 0.17, 0.1, 60], [0.18, 1.95, -0.6, -80], [0.03, 0.42, 2.9, -30], [0, 0, 0, 1]]
    ),
}


@pytest.mark.parametrize("name", ["out.nii", "out.nii.gz"])
@pytest.mark.parametrize("orientation", AFFINES)
def test_a_mask_returns_to_the_grid_and_orientation_it_came_from(
    write_nifti: Callable, tmp_path: Path, orientation: str, name: str
) -> None:
    stored = (np.random.default_rng(0).random((5, 6, 7)) > 0.7).astype(np.uint8)
    like = write_nifti("in.nii.gz", stored, AFFINES[orientation])
    write_mask(tmp_path / name, read_mask(like, "s").data, like)
    written = nib.load(tmp_path / name)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), stored)
    np.testing.assert_array_equal(written.affine, nib.load(like).affine)
    assert written.get_data_dtype() == np.uint8


def test_a_volume_keeps_its_values(write_nifti: Callable, tmp_path: Path) -> None:
    stored = np.random.default_rng(0).random((5, 6, 7)).astype(np.float32)
    like = write_nifti("in.nii.gz", stored, AFFINES["oblique"])
    write_volume(tmp_path / "out.nii.gz", read_volume(like, "s").data, like)
    written = nib.load(tmp_path / "out.nii.gz")
    assert written.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), stored)


@pytest.mark.parametrize(("qform", "sform"), [(0, 0), (1, 0), (0, 2), (1, 1)])
def test_codes_and_affine_are_those_of_the_input(tmp_path: Path, qform: int, sform: int) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), None)
    affine = AFFINES["LPS"]
    image.header.set_zooms((2, 3, 4))
    image.header.set_qform(affine, qform)
    image.header.set_sform(affine, sform)
    like = tmp_path / "in.nii.gz"
    nib.save(nib.Nifti1Image(image.dataobj, None, image.header), like)
    write_mask(tmp_path / "out.nii.gz", np.zeros((5, 4, 3), bool), like)
    source, written = nib.load(like), nib.load(tmp_path / "out.nii.gz")
    for name in ("qform_code", "sform_code"):
        assert int(written.header[name]) == int(source.header[name])
    np.testing.assert_array_equal(written.affine, source.affine)


def test_nothing_but_geometry_is_taken_from_the_header(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.eye(4))
    for field in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[field] = b"DOE^JANE"
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JANE"))
    nib.save(image, tmp_path / "in.nii")
    assert b"DOE" in (tmp_path / "in.nii").read_bytes()
    write_mask(tmp_path / "out.nii", np.zeros((5, 4, 3), bool), tmp_path / "in.nii")
    assert b"DOE" not in (tmp_path / "out.nii").read_bytes()


def test_a_fourth_axis_of_one_is_not_written(write_nifti: Callable, tmp_path: Path) -> None:
    like = write_nifti("in.nii.gz", np.zeros((3, 4, 5, 1), np.uint8))
    write_mask(tmp_path / "out.nii.gz", np.ones((5, 4, 3), bool), like)
    assert nib.load(tmp_path / "out.nii.gz").shape == (3, 4, 5)


def test_the_same_mask_gives_the_same_bytes(write_nifti: Callable, tmp_path: Path) -> None:
    like = write_nifti("in.nii.gz", np.zeros((3, 4, 5), np.uint8))
    for name in ("a.nii.gz", "b.nii.gz"):
        write_mask(tmp_path / name, np.ones((5, 4, 3), bool), like)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_wrong_names_and_shapes_are_refused_and_nothing_is_left(
    write_nifti: Callable, tmp_path: Path
) -> None:
    like = write_nifti("in.nii.gz", np.zeros((3, 4, 5), np.uint8))
    with pytest.raises(ConfigError, match=r"out\.png.*\.nii\.gz"):
        write_mask(tmp_path / "out.png", np.zeros((5, 4, 3), bool), like)
    with pytest.raises(ValueError, match="shape"):
        write_mask(tmp_path / "out.nii.gz", np.zeros((3, 4, 5), bool), like)
    assert [path.name for path in tmp_path.iterdir()] == ["in.nii.gz"]
