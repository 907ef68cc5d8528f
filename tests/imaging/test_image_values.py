"""Values of images for post-processing: in units, on the reference's grid, without what lies outside of the brain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.cohort.records import SubjectFacts
from study.errors import CacheError
from study.imaging.normalise import Scale, nyul, scale_of, zscore
from study.imaging.prepare import prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.stored import open_prepared, write_prepared
from study.imaging.values import NO_VALUE, native_values
from study.imaging.volume import Grid
from study.workflow.protocol import imaging_protocol

LANDMARKS = [0.0, 5, 11, 14, 18, 25, 33, 40, 52, 60, 66, 80, 100]


@pytest.mark.parametrize("landmarks", [None, LANDMARKS])
def test_a_scale_undoes_the_normalisation(landmarks: list[float] | None) -> None:
    values = np.random.default_rng(0).gamma(4.0, 0.25, 500).astype(np.float32)
    mapped = values if landmarks is None else nyul(values, landmarks).astype(np.float32)
    normalised = zscore(mapped, np.ones(values.shape, bool))
    np.testing.assert_allclose(scale_of(values, landmarks).in_units(normalised), values, atol=2e-5)


def test_landmarks_that_coincide_are_one_knot() -> None:
    values = np.linspace(0, 1, 200, dtype=np.float32)
    scale = scale_of(values, [0, 0, 10, 15, 20, 20, 50, 60, 70, 75, 80, 90, 100])
    assert np.all(np.diff(scale.normalised) > 0)
    assert len(scale.normalised) == len(scale.units) == 9  # of 11: without two that others are equal to


def small(
    image: np.ndarray, native: Grid, scales: tuple[Scale | None, ...] = (Scale((0, 1), (1, 3)),)
) -> Prepared:
    shape = image.shape[1:]
    grid = Grid(shape, np.eye(4))
    return Prepared(
        SubjectFacts("CHSF-0001"), image, (True,) * len(image), None, np.zeros((0, 3), np.int16), grid, native, None,
        scales=scales,
    )  # fmt: skip


def test_values_on_the_same_grid_are_the_image_in_thousandths() -> None:
    image = np.array([[[[0.5, -0.25, 0.0, 1.2346]]]], np.float32)
    prepared = small(image, Grid((1, 1, 4), np.eye(4)))
    assert native_values(prepared, "DWI", 0).tolist() == [[[500, -250, NO_VALUE, 1235]]]
    assert native_values(prepared, "ADC", 0).tolist() == [[[2000, 500, NO_VALUE, 3469]]]  # 1 + 2 z


def test_the_edge_of_the_brain_has_the_mean_of_what_lies_inside() -> None:
    image = np.array([[[[0.5, 0.7, 0.0, 0.0]]]], np.float32)
    finer = np.diag([1, 1, 0.5, 1.0])
    finer[2, 3] = 0.25
    values = native_values(small(image, Grid((1, 1, 6), finer)), "DWI", 0)
    # at 0.25, 0.75, 1.25 and 1.75, of which the last lies mostly outside
    assert values.tolist() == [[[550, 650, 700, NO_VALUE, NO_VALUE, NO_VALUE]]]


def test_values_beyond_what_is_held_are_the_last_that_is() -> None:
    image = np.array([[[[40.0, -40.0]]]], np.float32)
    values = native_values(small(image, Grid((1, 1, 2), np.eye(4))), "DWI", 0)
    assert values.tolist() == [[[32767, -32767]]]


def test_a_subject_of_an_earlier_version_has_no_unit_and_is_told_so() -> None:
    prepared = small(np.ones((1, 1, 1, 2), np.float32), Grid((1, 1, 2), np.eye(4)), ())
    assert native_values(prepared, "DWI", 0).tolist() == [[[1000, 1000]]]
    with pytest.raises(CacheError, match=r"unit of its ADC.*resume=true"):
        native_values(prepared, "ADC", 0)


@pytest.mark.parametrize("factor", [1.0, 1000.0])
def test_adc_is_in_its_unit_whatever_unit_the_file_has(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray, tmp_path: Path, factor: float
) -> None:
    subject = make_subject(ADC=(brain_image * factor).astype(np.float32))
    prepared = prepare_subject(subject, imaging_protocol(make_config()), (5.0, 2.0, 2.0))
    write_prepared(prepared, tmp_path / "entry")
    stored = open_prepared(tmp_path / "entry", prepared.facts)
    assert stored.scales == prepared.scales
    for each, channel in ((prepared, 1), (stored, 1), (prepared.select([1, 0]), 0)):
        values = native_values(each, "ADC", channel)
        inside = brain_image.T > 0
        np.testing.assert_array_equal(values != NO_VALUE, inside)
        np.testing.assert_allclose(values[inside], 1000 * brain_image.T[inside], atol=1)


def test_an_absent_modality_has_no_scale(make_subject: Callable, make_config: Callable) -> None:
    prepared = prepare_subject(make_subject(DWI=None), imaging_protocol(make_config()), (5.0, 2.0, 2.0))
    assert [scale is None for scale in prepared.scales] == [True, False]
