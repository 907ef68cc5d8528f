"""Landmarks of intensities, learnt from training subjects only."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

from study.cohort.records import Cohort
from study.imaging.landmarks import learn_landmarks
from study.workflow.protocol import imaging_protocol

NATIVE_MM = (5.0, 2.0, 2.0)
PERCENTILES = [1, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 90, 99]


def test_landmarks_are_the_mean_percentiles_of_brains_on_a_scale_of_100(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    squared = brain_image**2 * 100
    subjects = (make_subject("a"), make_subject("b", DWI=squared, ADC=None))
    config = make_config({"imaging.normalisation": "nyul"})
    found = learn_landmarks(Cohort(subjects), ["CENTER-a", "CENTER-b"], imaging_protocol(config), NATIVE_MM)
    assert json.loads(json.dumps(found)) == found
    expected = []
    for image in (brain_image, squared):
        values = np.percentile(image[image > 0].astype(np.float64), PERCENTILES)
        expected.append((values - values[0]) / (values[-1] - values[0]) * 100)
    np.testing.assert_allclose(found["DWI"], np.mean(expected, axis=0), atol=1e-3)
    np.testing.assert_allclose(found["ADC"], expected[0], atol=1e-3)


def test_only_the_named_subjects_are_learnt_from(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    config = make_config({"imaging.normalisation": "nyul"})
    subjects = (make_subject("train"), make_subject("test"))
    first = learn_landmarks(Cohort(subjects), ["CENTER-train"], imaging_protocol(config), NATIVE_MM)
    changed = (subjects[0], make_subject("test", DWI=brain_image**3, ADC=brain_image**2))
    assert learn_landmarks(Cohort(changed), ["CENTER-train"], imaging_protocol(config), NATIVE_MM) == first
    assert learn_landmarks(Cohort(changed), ["CENTER-test"], imaging_protocol(config), NATIVE_MM) != first


def test_without_nyul_nothing_is_learnt(make_subject: Callable, make_config: Callable) -> None:
    assert (
        learn_landmarks(Cohort((make_subject(),)), ["CENTER-one"], imaging_protocol(make_config()), NATIVE_MM)
        == {}
    )


def test_absent_modalities_and_faulty_subjects_are_left_out(
    make_subject: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    config = make_config({"imaging.normalisation": "nyul", "cohort.modalities": ["DWI", "ADC", "B0"]})
    good, faulty = make_subject("a"), make_subject("b", DWI=brain_image * np.nan)
    keys = ["CENTER-a", "CENTER-b"]
    found = learn_landmarks(Cohort((good, faulty)), keys, imaging_protocol(config), NATIVE_MM)
    assert set(found) == {"DWI", "ADC"}
    assert found == learn_landmarks(Cohort((good,)), ["CENTER-a"], imaging_protocol(config), NATIVE_MM)
