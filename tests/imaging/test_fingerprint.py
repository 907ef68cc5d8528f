"""Spacing and size that networks are planned from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from study.cohort.records import Cohort
from study.errors import CohortError
from study.imaging.fingerprint import fingerprint, target_spacing_mm
from study.imaging.volume import Grid
from study.workflow.protocol import imaging_protocol


def grid(spacing_mm: tuple[float, float, float], shape: tuple[int, int, int]) -> Grid:
    return Grid(shape, np.diag([*spacing_mm, 1.0])[[2, 1, 0, 3]])


def test_the_median_is_taken_where_no_axis_is_coarse() -> None:
    boxes = [
        grid((2, 1, 1), (60, 120, 120)),
        grid((3, 1.2, 1), (40, 100, 120)),
        grid((4, 1.4, 1), (30, 90, 120)),
    ]
    assert target_spacing_mm(boxes) == (3, 1.2, 1)


def test_a_coarse_axis_takes_the_tenth_percentile() -> None:
    slices_mm = [4.0, 5.0, 5.0, 6.0, 6.0, 6.0, 6.0, 7.0, 7.0, 8.0, 9.0]
    boxes = [grid((thickness, 1, 1), (24, 160, 140)) for thickness in slices_mm]
    assert target_spacing_mm(boxes) == (5, 1, 1)  # the second smallest of eleven


def test_a_coarse_axis_with_many_slices_keeps_the_median() -> None:
    boxes = [grid((thickness, 1, 1), (60, 160, 140)) for thickness in (4.0, 6.0, 8.0)]
    assert target_spacing_mm(boxes) == (6, 1, 1)


def test_a_coarse_axis_is_never_finer_than_the_others() -> None:
    boxes = [grid((thickness, 1.5, 1), (20, 160, 140)) for thickness in (1.0, 1.0, 6.0, 6.0, 6.0)]
    assert target_spacing_mm(boxes) == (1.5, 1.5, 1)


def test_the_brains_box_is_measured_in_the_target_spacing(
    make_subject: Callable, make_config: Callable
) -> None:
    subjects = [make_subject(name) for name in ("a", "b")]
    subjects.append(make_subject("c", affine=np.diag([4.0, 4.0, 5.0, 1.0])))
    keys = [subject.key for subject in subjects]
    found = fingerprint(Cohort(tuple(subjects)), keys, imaging_protocol(make_config()))
    assert found.spacing_mm == (5, 2, 2)
    assert found.median_shape == (4, 6, 8)
    assert found.subjects == 3
    chosen = fingerprint(
        Cohort(tuple(subjects)), keys, imaging_protocol(make_config({"imaging.spacing_mm": [2.5, 1, 4]}))
    )
    assert chosen.spacing_mm == (2.5, 1, 4)
    assert chosen.median_shape == (8, 12, 4)


def test_only_the_named_subjects_count(make_subject: Callable, make_config: Callable) -> None:
    subjects = (make_subject("a"), make_subject("b", affine=np.diag([4.0, 4.0, 5.0, 1.0])))
    assert fingerprint(Cohort(subjects), ["CENTER-b"], imaging_protocol(make_config())).spacing_mm == (
        5,
        4,
        4,
    )


def test_faulty_subjects_are_left_out_unless_all_are(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    subjects = (make_subject("a"), make_subject("b", DWI=brain_image * np.nan))
    assert (
        fingerprint(Cohort(subjects), ["CENTER-a", "CENTER-b"], imaging_protocol(make_config())).subjects == 1
    )
    with pytest.raises(CohortError, match="NaN"):
        fingerprint(Cohort(subjects), ["CENTER-b"], imaging_protocol(make_config()))
