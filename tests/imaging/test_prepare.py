"""One subject from files to arrays: crop, grids, units, normalisation, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study.config import Imaging
from study.errors import CohortError, Problem
from study.imaging.prepare import prepare_images, prepare_subject
from study.workflow.protocol import imaging_protocol

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])
NATIVE_MM = (5.0, 2.0, 2.0)


def problems_of(subject: object, config: object) -> dict[str, str]:
    """What is wrong, by file name (without its ending)."""
    with pytest.raises(CohortError) as caught:
        prepare_subject(subject, imaging_protocol(config), NATIVE_MM)  # type: ignore[arg-type]
    assert all(problem.remedy for problem in caught.value.problems)
    return {_role(problem): problem.what for problem in caught.value.problems}


def _role(problem: Problem) -> str:
    return problem.file.name.split(".")[0] if problem.file else ""


def test_the_box_around_the_brain_is_cut_out_and_normalised(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    prepared = prepare_subject(make_subject(), imaging_protocol(make_config()), NATIVE_MM)
    box = brain_image[3:11, 3:9, 2:6].T.astype(np.float64)
    assert prepared.image.shape == (2, 4, 6, 8)
    assert prepared.image.dtype == np.float32
    for channel in prepared.image:  # both modalities are the same texture at another gain
        np.testing.assert_allclose(channel, (box - box.mean()) / box.std(), atol=1e-4)
    assert prepared.present == (True, True)
    assert prepared.key == "CENTER-one"
    np.testing.assert_allclose(prepared.grid.affine @ [0, 0, 0, 1], [6, 6, 10, 1])
    assert prepared.native.shape == (8, 12, 14)


def test_the_target_lies_where_it_was_drawn(make_subject: Callable, make_config: Callable) -> None:
    prepared = prepare_subject(make_subject(), imaging_protocol(make_config()), NATIVE_MM)
    expected = np.zeros((4, 6, 8), np.uint8)
    expected[1:3, 1:3, 2:4] = 1
    np.testing.assert_array_equal(prepared.target, expected)
    np.testing.assert_array_equal(prepared.foreground, np.argwhere(expected))
    assert prepared.foreground.dtype == np.int16
    native = np.zeros((8, 12, 14), np.uint8)
    native[3:5, 4:6, 5:7] = 1
    np.testing.assert_array_equal(prepared.native_target, native)


def test_a_margin_is_added_up_to_the_edge_of_the_scan(make_subject: Callable, make_config: Callable) -> None:
    config = make_config({"imaging.crop_margin_mm": 4.0})
    assert prepare_subject(make_subject(), imaging_protocol(config), NATIVE_MM).grid.shape == (6, 10, 12)
    config = make_config({"imaging.crop_margin_mm": 1000.0})
    assert prepare_subject(make_subject(), imaging_protocol(config), NATIVE_MM).grid.shape == (8, 12, 14)


def test_voxels_outside_the_brain_are_zero(make_subject: Callable, make_config: Callable) -> None:
    brain = np.zeros((14, 12, 8), np.uint8)
    brain[4:10, 4:8, 3:5] = 1
    config = make_config({"imaging.crop_margin_mm": 5.0})
    prepared = prepare_subject(make_subject(brain=brain), imaging_protocol(config), NATIVE_MM)
    assert prepared.grid.shape == (4, 10, 12)
    outside = np.ones(prepared.grid.shape, bool)
    outside[1:3, 3:7, 3:9] = False
    assert not prepared.image[:, outside].any()
    assert prepared.image[:, ~outside].all()


def test_absent_modalities_stay_zero(make_subject: Callable, make_config: Callable) -> None:
    config = make_config({"cohort.modalities": ["B0", "ADC", "DWI"]})
    prepared = prepare_subject(make_subject(), imaging_protocol(config), NATIVE_MM)
    assert prepared.present == (False, True, True)
    assert not prepared.image[0].any()
    assert prepared.image[1].any()


def test_a_subject_without_a_mask_has_no_target(make_subject: Callable, make_config: Callable) -> None:
    prepared = prepare_subject(make_subject(lesion=None), imaging_protocol(make_config()), NATIVE_MM)
    assert prepared.target is None
    assert prepared.native_target is None
    assert prepared.foreground.shape == (0, 3)


def test_an_empty_mask_is_a_target_without_foreground(make_subject: Callable, make_config: Callable) -> None:
    empty = np.zeros((14, 12, 8), np.uint8)
    prepared = prepare_subject(make_subject(lesion=empty), imaging_protocol(make_config()), NATIVE_MM)
    assert prepared.target is not None
    assert not prepared.target.any()
    assert prepared.foreground.shape == (0, 3)


def test_many_foreground_voxels_are_drawn_from_all(make_config: Callable, write_nifti: Callable) -> None:
    image = np.random.default_rng(0).uniform(1, 2, (40, 40, 20)).astype(np.float32)
    files = {"DWI": write_nifti("DWI.nii", image)}
    masks = {"lesion": write_nifti("lesion.nii", np.ones((40, 40, 20), np.uint8))}
    arguments = (files, ("DWI",), Imaging(), None)
    prepared = prepare_images(*arguments, masks=masks, target="lesion")
    assert prepared.foreground.shape == (10_000, 3)
    assert len(np.unique(prepared.foreground, axis=0)) == 10_000
    assert prepared.foreground.max(axis=0).tolist() == [19, 39, 39]
    again = prepare_images(*arguments, masks=masks, target="lesion")
    np.testing.assert_array_equal(prepared.foreground, again.foreground)


def test_a_probability_returns_to_the_native_grid(make_subject: Callable, make_config: Callable) -> None:
    for spacing_mm, least in ((NATIVE_MM, 0.999), ((2.5, 1.0, 1.0), 0.999)):
        prepared = prepare_subject(make_subject(), imaging_protocol(make_config()), spacing_mm)
        assert prepared.target is not None
        back = prepared.to_native(prepared.target.astype(np.float32))
        assert back.shape == prepared.native.shape
        assert back.dtype == np.float32
        found, wanted = back > 0.5, prepared.native_target == 1
        assert 2 * np.count_nonzero(found & wanted) / (found.sum() + wanted.sum()) > least


def test_a_native_mask_returns_to_the_prepared_grid(make_subject: Callable, make_config: Callable) -> None:
    for spacing_mm in (NATIVE_MM, tuple(side / 3 for side in NATIVE_MM)):
        prepared = prepare_subject(make_subject(), imaging_protocol(make_config()), spacing_mm)
        assert prepared.native_target is not None
        mask = prepared.from_native(prepared.native_target == 1)
        assert mask.dtype == np.bool_
        np.testing.assert_array_equal(mask, prepared.target == 1)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_unit_of_adc_does_not_matter(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray, scale: float
) -> None:
    usual = prepare_subject(make_subject(), imaging_protocol(make_config()), NATIVE_MM)
    other = prepare_subject(
        make_subject("two", ADC=brain_image * scale), imaging_protocol(make_config()), NATIVE_MM
    )
    np.testing.assert_allclose(other.image[1], usual.image[1], atol=1e-4)


def test_negative_voxels_count_as_zero(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    zero, negative = brain_image.copy(), brain_image.copy()
    zero[5, 5, 3], negative[5, 5, 3] = 0, -0.2
    one = prepare_subject(make_subject(ADC=zero), imaging_protocol(make_config()), NATIVE_MM)
    other = prepare_subject(make_subject("two", ADC=negative), imaging_protocol(make_config()), NATIVE_MM)
    np.testing.assert_allclose(one.image[1], other.image[1], atol=1e-5)


def test_a_modality_on_its_own_grid_follows_its_header(make_config: Callable, write_nifti: Callable) -> None:
    def slope(shape: tuple[int, ...], affine: np.ndarray) -> np.ndarray:
        index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
        return 100 + (index @ affine[:3, :3].T + affine[:3, 3]) @ [1, 2, 0.5]

    fine = np.array([[1, 0, 0, -5], [0, 1.5, 0, -4], [0, 0, 2, -6], [0, 0, 0, 1]])
    files = {
        "DWI": write_nifti("DWI.nii.gz", slope((10, 9, 6), AFFINE).astype(np.float32)),
        "FLAIR": write_nifti("FLAIR.nii.gz", slope((40, 30, 30), fine).astype(np.float32), fine),
    }
    prepared = prepare_images(files, ("DWI", "FLAIR"), Imaging(), None)
    np.testing.assert_allclose(prepared.image[1], prepared.image[0], atol=1e-3)


def test_orientation_does_not_matter(make_subject: Callable, make_config: Callable) -> None:
    usual = prepare_subject(make_subject(), imaging_protocol(make_config()), NATIVE_MM)
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = 13  # x runs from right to left, the voxels stay where they are
    subject = make_subject("two")
    for path in (*subject.images.values(), *subject.masks.values()):
        import nibabel as nib

        image = nib.load(path)
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj)[::-1].copy(), AFFINE @ flip), path)
    flipped = prepare_subject(subject, imaging_protocol(make_config()), NATIVE_MM)
    np.testing.assert_allclose(flipped.image, usual.image, atol=1e-4)
    np.testing.assert_array_equal(flipped.target, usual.target)


def test_every_problem_of_a_subject_is_named_at_once(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    broken = brain_image.copy()
    broken[0, 0, 0] = np.nan
    config = make_config({"cohort.modalities": ["DWI", "ADC", "B0", "SWI"]})
    lesion = np.zeros((14, 12, 7), np.uint8)
    subject = make_subject(ADC=brain_image * 50, B0=broken, lesion=lesion)
    gone = replace(subject, images={**subject.images, "SWI": Path("gone.nii.gz")})
    found = problems_of(gone, config)
    assert set(found) == {"ADC", "B0", "gone", "lesion"}
    assert "unit" in found["ADC"]
    assert "NaN" in found["B0"]
    assert "another grid" in found["lesion"]


def test_a_mask_that_fits_another_modality_says_which(
    make_subject: Callable, make_config: Callable, write_nifti: Callable
) -> None:
    subject = make_subject(lesion=None)
    fine = np.diag([1.0, 1.0, 2.5, 1.0])
    swan = write_nifti("one/SWAN.nii.gz", np.random.default_rng(0).random((28, 24, 16)), fine)
    thrombus = write_nifti("one/thrombus.nii.gz", np.zeros((28, 24, 16), np.uint8), fine)
    subject = replace(subject, images={**subject.images, "SWAN": swan}, masks={"thrombus": thrombus})
    values = {"cohort.modalities": ["DWI", "ADC", "SWAN"], "cohort.target": "thrombus"}
    with pytest.raises(CohortError, match=r"it fits SWAN: set imaging\.reference=SWAN"):
        prepare_subject(subject, imaging_protocol(make_config(values)), NATIVE_MM)
    chosen = prepare_subject(
        subject, imaging_protocol(make_config(values | {"imaging.reference": "SWAN"})), NATIVE_MM
    )
    assert chosen.native.shape == (16, 24, 28)
    assert chosen.target is not None


@pytest.mark.parametrize("role", ["ADC", "lesion", "brain"])
def test_a_header_one_voxel_off_is_refused(
    make_subject: Callable, make_config: Callable, write_nifti: Callable, role: str
) -> None:
    subject = make_subject(brain=np.ones((14, 12, 8), np.uint8))
    files = {**subject.images, **subject.masks}
    import nibabel as nib

    data = np.asanyarray(nib.load(files[role]).dataobj)
    moved = AFFINE.copy()
    moved[0, 3] += 2
    write_nifti(f"one/{role}.nii.gz", data, moved)
    assert "2.00 mm" in problems_of(subject, make_config())[role]


def test_a_mask_with_noise_in_its_header_and_no_qform_is_accepted(
    make_subject: Callable, make_config: Callable
) -> None:
    import nibabel as nib

    subject = make_subject()
    image = nib.load(subject.masks["lesion"])
    noisy = nib.Nifti1Image(np.asanyarray(image.dataobj), AFFINE + np.r_[np.full((3, 4), 1e-7), [[0] * 4]])
    noisy.header["qform_code"] = 0
    nib.save(noisy, subject.masks["lesion"])
    prepared = prepare_subject(subject, imaging_protocol(make_config()), NATIVE_MM)
    assert prepared.target is not None
    assert prepared.target.sum() == 8


def test_a_subject_without_any_modality_is_refused(make_subject: Callable, make_config: Callable) -> None:
    assert "no modality" in problems_of(make_subject(DWI=None, ADC=None), make_config())[""]


def test_an_image_or_brain_mask_without_signal_is_refused(
    make_subject: Callable, make_config: Callable
) -> None:
    nothing = np.zeros((14, 12, 8), np.uint8)
    assert "no brain" in problems_of(make_subject(DWI=nothing), make_config())["DWI"]
    assert "no brain" in problems_of(make_subject("two", brain=nothing), make_config())["brain"]
    assert "constant" in problems_of(make_subject("three", ADC=nothing), make_config())["ADC"]


def test_the_reference_is_the_first_present_modality(make_subject: Callable, make_config: Callable) -> None:
    config = make_config({"cohort.modalities": ["DWI", "ADC"], "imaging.reference": "DWI"})
    prepared = prepare_subject(make_subject(DWI=None), imaging_protocol(config), NATIVE_MM)
    assert prepared.present == (False, True)
    assert prepared.native.shape == (8, 12, 14)


def test_loose_files_are_prepared_as_in_a_cohort(make_subject: Callable, make_config: Callable) -> None:
    subject, config = make_subject(), make_config()
    inside = prepare_subject(subject, imaging_protocol(config), (4.0, 2.0, 2.0))
    loose = prepare_images(subject.images, ("DWI", "ADC"), config.imaging, (4.0, 2.0, 2.0))
    np.testing.assert_array_equal(loose.image, inside.image)
    assert loose.target is None


def test_nyul_maps_gain_away_and_needs_landmarks(make_subject: Callable, make_config: Callable) -> None:
    config = make_config({"imaging.normalisation": "nyul"})
    with pytest.raises(ValueError, match="landmarks"):
        prepare_subject(make_subject(), imaging_protocol(config), NATIVE_MM)
    with pytest.raises(CohortError, match="no training subject has ADC"):
        prepare_subject(make_subject(), imaging_protocol(config), NATIVE_MM, {"DWI": range(13)})
    bent = [value**2 for value in range(13)]
    prepared = prepare_subject(
        make_subject(), imaging_protocol(config), NATIVE_MM, {"DWI": bent, "ADC": bent}
    )
    np.testing.assert_allclose(prepared.image[0], prepared.image[1], atol=1e-4)
    assert abs(float(prepared.image[0].mean())) < 1e-5
    plain = prepare_subject(make_subject(), imaging_protocol(make_config()), NATIVE_MM)
    assert not np.allclose(prepared.image, plain.image, atol=0.01)
