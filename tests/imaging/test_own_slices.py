"""Modalities in slices of their own, and crops in plane, from files to `Prepared`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from study.cohort.records import Cohort, Subject
from study.config import Config
from study.imaging.cache import prepare_cohort
from study.imaging.fingerprint import fingerprint
from study.imaging.prepare import prepare_subject
from study.imaging.prepared import Prepared
from study.workflow.protocol import imaging_protocol

FINE_MM = (2.5, 2.0, 2.0)
THICK = np.diag([2.0, 2.0, 5.0, 1.0])
THICK[2, 3] = 1.25  # slices at 1.25, 6.25, 11.25, … mm
VALUES = {
    "cohort.modalities": ["DWI", "SWAN", "ADC"],
    "cohort.target": "thrombus",
    "modality_dropout.droppable": ["ADC"],
    "imaging.reference": "SWAN",
    "imaging.own_slices": ["DWI", "ADC"],
}


@pytest.fixture
def dwi() -> np.ndarray:
    """A texture [x, y, z] that fills its volume."""
    return np.random.default_rng(1).uniform(50, 150, (14, 12, 8)).astype(np.float32)


@pytest.fixture
def config(make_config: Callable[..., Config]) -> Config:
    return make_config(VALUES)


@pytest.fixture
def subject(write_nifti: Callable, dwi: np.ndarray) -> Subject:
    """SWAN at 2.5 mm with a brain from 10 to 27.5 mm, a thrombus of one voxel at 20 mm; DWI at 5 mm."""
    swan = np.zeros((14, 12, 16), np.float32)
    swan[3:11, 3:9, 4:12] = np.random.default_rng(0).uniform(0.6, 1.4, (8, 6, 8))
    thrombus = np.zeros(swan.shape, np.uint8)
    thrombus[5, 4, 8] = 1
    fine = np.diag([2.0, 2.0, 2.5, 1.0])
    images = {"SWAN": write_nifti("SWAN.nii.gz", swan, fine), "DWI": write_nifti("DWI.nii.gz", dwi, THICK)}
    masks = {"thrombus": write_nifti("thrombus.nii.gz", thrombus, fine)}
    return Subject("one", "one", "CENTER", "CENTER-one", images, masks)


def prepare(subject: Subject, config: Config) -> Prepared:
    return prepare_subject(subject, imaging_protocol(config), FINE_MM)


def prepare_cached(subject: Subject, config: Config) -> Prepared:
    protocol, cohort = imaging_protocol(config), Cohort((subject,))
    return prepare_cohort(cohort, [subject.key], protocol, config.cache_root, FINE_MM)[subject.key]


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(dtype=np.float64)) / values.std(dtype=np.float64)


def test_own_slices_are_those_of_the_file(subject: Subject, config: Config, dwi: np.ndarray) -> None:
    prepared = prepare(subject, config)
    assert prepared.own is not None
    assert prepared.own.channels == (0, 2)
    assert prepared.own.image.shape == (
        2,
        4,
        6,
        8,
    )  # 11.25 to 26.25 mm; the slice at 6.25 ends where the box begins
    np.testing.assert_allclose(prepared.own.image[0], standardised(dwi[3:11, 3:9, 2:6].T), atol=1e-4)
    assert not prepared.own.image[1].any()  # ADC
    corner, last = (prepared.own.grid.affine @ [d, 0, 0, 1] for d in (0, 3))
    np.testing.assert_allclose([corner, last], [[6, 6, 11.25, 1], [6, 6, 26.25, 1]])


def test_the_thick_stack_spans_more_of_the_brain(subject: Subject, config: Config, dwi: np.ndarray) -> None:
    prepared = prepare(subject, config)
    plain = prepare(subject, config.with_values({"imaging.own_slices": []}))
    np.testing.assert_array_equal(prepared.image, plain.image)
    window = prepared.window((2, 0, 0), (3, 6, 8))  # SWAN at 15, 17.5 and 20 mm; DWI around 16.25 mm
    np.testing.assert_array_equal(window[1], plain.image[1, 2:5])
    np.testing.assert_allclose(window[0], standardised(dwi[3:11, 3:9, 2:6].T)[:3], atol=1e-4)
    assert not window[2].any()
    high = prepared.window(
        (5, 0, 0), (3, 6, 8)
    )  # 22.5 to 27.5 mm; DWI around 26.25, whose next slice is beyond
    np.testing.assert_allclose(high[0, :2], standardised(dwi[3:11, 3:9, 2:6].T)[2:], atol=1e-4)
    assert not high[0, 2].any()


def test_a_family_has_the_slices_of_its_first_member(
    subject: Subject, config: Config, write_nifti: Callable, dwi: np.ndarray
) -> None:
    other = THICK.copy()
    other[2, 2:] = (4.0, 0.0)  # slices at 0, 4, 8, … mm
    adc = write_nifti("ADC.nii.gz", np.random.default_rng(2).uniform(0.5, 1.5, (14, 12, 10)), other)
    both = replace(subject, images={**subject.images, "ADC": adc})
    alone = replace(subject, images={"SWAN": subject.images["SWAN"], "ADC": adc})
    prepared = prepare(both, config)
    assert prepared.own is not None
    assert prepared.own.grid.spacing_mm[0] == pytest.approx(5)
    assert prepared.own.image.any(axis=(1, 2, 3)).all()
    prepared = prepare(alone, config)
    assert prepared.own is not None
    assert prepared.own.grid.spacing_mm[0] == pytest.approx(4)
    assert not prepared.own.image[0].any()


def test_without_any_of_them_windows_show_zeros(subject: Subject, config: Config) -> None:
    prepared = prepare(replace(subject, images={"SWAN": subject.images["SWAN"]}), config)
    assert prepared.own is None
    window = prepared.window((0, 0, 0), (4, 6, 8))
    assert not window[[0, 2]].any()
    assert window[1].any()


def test_a_tilted_modality_is_sampled_along_the_slices_of_the_reference(
    subject: Subject, config: Config, write_nifti: Callable
) -> None:
    """Its values are a linear function of the position, which linear interpolation keeps."""
    angle = np.deg2rad(8)
    affine = np.eye(4)
    affine[:3, :3] = [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    affine[:3, :3] @= np.diag([2.0, 2.0, 5.0])
    affine[:3, 3] = (-10, -10, -10)
    shape = (34, 34, 16)
    index = np.stack([*np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), np.ones(shape)], -1)
    place = index @ affine.T
    slope = 500 + place[..., 0] - 2 * place[..., 1] + 3 * place[..., 2]
    dwi = write_nifti("tilted.nii.gz", slope.astype(np.float32), affine)
    tilted = replace(subject, images={**subject.images, "DWI": dwi})
    prepared = prepare(tilted, config)
    assert prepared.own is not None
    grid = prepared.own.grid
    assert grid.spacing_mm[0] == pytest.approx(5 / np.cos(angle))
    voxels = np.stack([*np.indices(grid.shape), np.ones(grid.shape)], -1) @ grid.affine.T
    expected = voxels[..., 0] - 2 * voxels[..., 1] + 3 * voxels[..., 2]
    inside = prepared.own.image[0] != 0
    assert inside.mean() > 0.6
    np.testing.assert_allclose(prepared.own.image[0][inside], standardised(expected[inside]), atol=2e-3)


def test_own_slices_are_cached_with_their_place(subject: Subject, config: Config) -> None:
    direct = prepare(subject, config)
    opened = prepare_cached(subject, config)
    assert opened.own is not None
    assert direct.own is not None
    assert isinstance(opened.own.image, np.memmap)
    np.testing.assert_array_equal(opened.own.image, direct.own.image)
    np.testing.assert_array_equal(opened.window((1, 0, 0), (3, 6, 8)), direct.window((1, 0, 0), (3, 6, 8)))
    assert opened.own.channels == direct.own.channels
    for values in (
        {"imaging.own_slices": ["DWI"]},
        {"imaging.own_slices": []},
        {"imaging.in_plane_crop": [4, 4]},
    ):
        prepare_cached(subject, config.with_values(values))
    assert len(list(config.cache_root.glob("*/*/grid.json"))) == 4


@pytest.mark.parametrize(
    ("size", "first", "shape"),
    [
        ((4, 6), (4, 4), (4, 6)),  # brain: rows 3 to 8, middle 5.5; columns 3 to 10, middle 6.5
        ((5, 3), (3, 5), (5, 3)),  # half-way between two: the lower
        ((16, 20), (-2, -3), (16, 20)),  # beyond the scan on all sides
    ],
)
def test_a_crop_lies_around_the_brain_s_centre(
    subject: Subject, config: Config, size: tuple[int, int], first: tuple[int, int], shape: tuple[int, int]
) -> None:
    whole = config.with_values({"imaging.crop_margin_mm": 1000.0})
    full = prepare(subject, whole).image  # the whole scan
    prepared = prepare(subject, config.with_values({"imaging.in_plane_crop": size}))
    assert prepared.image.shape == (3, 8, *shape)
    np.testing.assert_allclose(
        prepared.grid.affine @ [0, 0, 0, 1], [2 * first[1], 2 * first[0], 10, 1], atol=1e-9
    )
    padded = np.pad(full, ((0, 0), (0, 0), (10, 10), (10, 10)))
    rows, columns = (
        slice(start + 10, start + 10 + length) for start, length in zip(first, shape, strict=True)
    )
    there = padded[1, 4:12, rows, columns] != 0
    np.testing.assert_array_equal(prepared.image[1] != 0, there)
    seen = padded[1, 4:12, rows, columns][there]
    np.testing.assert_allclose(prepared.image[1][there], standardised(seen), atol=1e-4)


def test_outside_of_a_crop_nothing_is_predicted(subject: Subject, config: Config) -> None:
    prepared = prepare(subject, config.with_values({"imaging.in_plane_crop": (4, 6)}))
    expected = np.zeros((16, 12, 14), np.float32)
    expected[4:12, 4:8, 4:10] = 1
    np.testing.assert_array_equal(prepared.to_native(np.ones(prepared.grid.shape)), expected)


def test_target_outside_of_a_crop_is_measured(
    subject: Subject, config: Config, write_nifti: Callable
) -> None:
    thrombus = np.zeros((14, 12, 16), np.uint8)
    thrombus[5:7, 4:6, 8] = 1  # 4 voxels of 10 mm³
    path = write_nifti("thrombus.nii.gz", thrombus, np.diag([2.0, 2.0, 2.5, 1.0]))
    subject = replace(subject, masks={"thrombus": path})
    assert prepare(subject, config).outside_ml == 0
    small = prepare(subject, config.with_values({"imaging.in_plane_crop": (2, 2)}))
    assert small.outside_ml == pytest.approx(0.03)  # rows 5, 6 and columns 6, 7 hold one of the four
    assert small.target is not None
    assert small.target.sum() == 1
    cached = prepare_cached(subject, config.with_values({"imaging.in_plane_crop": (2, 2)}))
    assert cached.outside_ml == small.outside_ml


def test_networks_are_planned_for_the_crop(subject: Subject, config: Config) -> None:
    found = fingerprint(Cohort((subject,)), [subject.key], imaging_protocol(config))
    assert (found.median_shape, found.spacing_mm) == ((8, 6, 8), FINE_MM)
    cropped = config.with_values({"imaging.in_plane_crop": (4, 20)})
    found = fingerprint(Cohort((subject,)), [subject.key], imaging_protocol(cropped))
    assert (found.median_shape, found.spacing_mm) == ((8, 4, 20), FINE_MM)


def test_the_centre_is_that_of_mass(subject: Subject, config: Config, write_nifti: Callable) -> None:
    """Not of the box: a brain with a long thin tail to one side."""
    brain = np.zeros((14, 12, 16), np.uint8)
    brain[2:5, 3:6, 4:12] = 1
    brain[5:13, 4, 8] = 1  # 80 voxels; mean column (72·3 + 8·8.5) / 80 = 3.55
    path = write_nifti("brain.nii.gz", brain, np.diag([2.0, 2.0, 2.5, 1.0]))
    swan = np.asarray(nib.load(subject.images["SWAN"]).dataobj) + 1
    images = {"SWAN": write_nifti("full.nii.gz", swan, np.diag([2.0, 2.0, 2.5, 1.0]))}
    other = replace(subject, images=images, masks={"brain": path})
    prepared = prepare(other, config.with_values({"imaging.in_plane_crop": (1, 1)}))
    np.testing.assert_allclose(prepared.grid.affine @ [0, 0, 0, 1], [8, 8, 10, 1], atol=1e-9)
