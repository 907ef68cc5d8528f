"""Sampling in pairs: a patch with the target and one without, of the same patient."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from training_cases import course_of

from study.cohort.records import SubjectFacts
from study.config import ModalityDropout, validate
from study.errors import ConfigError
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.training.batches import batches
from study.training.course import Course
from study.training.ranks import Ranks
from study.training.samples import Samples

CENTERS = {"A-0": "A", "A-1": "A", "A-2": "A", "B-3": "B"}
GRID = Grid((12, 4, 4), np.eye(4))
PATCH = (3, 4, 4)


def subject(number: int, key: str, target: np.ndarray | None = None) -> Prepared:
    """Voxels hold 1000 times the subject's number plus their slice, so that a patch shows where it was cut."""
    if target is None:
        target = np.zeros(GRID.shape, np.uint8)
        target[5:7, 1, number] = 1
    image = np.zeros((1, *GRID.shape), np.float32) + 1000 * (number + 1)
    image += np.arange(12, dtype=np.float32)[:, None, None]
    return Prepared(
        SubjectFacts(key, CENTERS[key]),
        image,
        (True,),
        target,
        np.argwhere(target).astype(np.int16),
        GRID,
        GRID,
        target,
    )


def configured(**trainer: Any) -> Course:
    settings = {
        "epochs": 4,
        "iterations_per_epoch": 25,
        "batch_size": 4,
        "augmentation": "none",
        "sampling": "pairs",
    }
    dropout = ModalityDropout(droppable=())
    return course_of(seed=3, modalities=("SWAN",), dropout=dropout, **settings | trainer)


def samples_of(course: Course, world: int = 1, **others: np.ndarray) -> Samples:
    made = [subject(n, key, others.get(key.replace("-", "_"))) for n, key in enumerate(CENTERS)]
    return Samples(course, made, PATCH, world)


def drawn(samples: Samples, number: int) -> tuple[int, int, int]:
    """Subject, first slice and number of target voxels of a sample."""
    image, target, *_ = samples[number]
    first = int(image[0, 0, 0, 0])
    return first // 1000 - 1, first % 1000, int(target.sum())


def test_two_samples_share_a_patient_and_only_the_first_shows_the_target() -> None:
    samples = samples_of(configured())
    patients = []
    for pair in range(100):
        (one, _, with_it), (other, start, without) = (drawn(samples, 2 * pair + i) for i in (0, 1))
        assert one == other
        assert with_it > 0
        assert without == 0
        assert start in (0, 1, 2, 7, 8, 9)
        patients.append(one)
    assert set(patients) == {0, 1, 2, 3}
    assert {drawn(samples, 2 * pair + 1)[1] for pair in range(100)} == {0, 1, 2, 7, 8, 9}


def test_a_sample_depends_on_seed_and_number_alone() -> None:
    backwards = [drawn(samples_of(configured()), number) for number in reversed(range(20))]
    assert [drawn(samples_of(configured()), number) for number in range(20)] == backwards[::-1]


def test_patients_are_drawn_by_center_where_that_is_asked_for() -> None:
    of_b = {}
    for balanced in (False, True):
        samples = samples_of(configured(balance_centers=balanced))
        of_b[balanced] = Counter(drawn(samples, 2 * pair)[0] for pair in range(200))[3]
    assert 30 <= of_b[False] <= 70  # one subject of four
    assert 80 <= of_b[True] <= 120  # one center of two


def test_a_patient_without_target_gives_two_patches_without() -> None:
    empty = np.zeros(GRID.shape, np.uint8)
    samples = samples_of(configured(), A_0=empty)
    shown = {number % 2: set() for number in range(2)}
    for number in range(100):
        patient, _, target = drawn(samples, number)
        if patient == 0:
            shown[number % 2].add(target)
    assert shown == {0: {0}, 1: {0}}


def test_where_every_patch_shows_target_the_second_shows_the_least() -> None:
    everywhere = np.zeros(GRID.shape, np.uint8)
    everywhere[:, 0, 0] = 1
    everywhere[:8, 1, 1] = 1  # 6 voxels a patch, 3 from slice 8 on
    samples = samples_of(configured(), A_0=everywhere)
    found = [drawn(samples, number) for number in range(1, 100, 2)]
    assert {(start, target) for patient, start, target in found if patient == 0} <= {(8, 3), (9, 3)}
    assert any(patient == 0 for patient, _, _ in found)


def test_processes_that_train_together_keep_pairs_together() -> None:
    for rank in (0, 1):
        batch = next(batches(samples_of(configured(), world=2), 0, Ranks(rank, 2)))
        patients = (batch.image[:, 0, 0, 0, 0] // 1000).tolist()
        assert patients[0] == patients[1]
        assert patients[2] == patients[3]
        assert batch.target.flatten(1).any(1).tolist() == [True, False, True, False]


def test_an_odd_batch_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"trainer\.batch_size: must be even with trainer\.sampling=pairs, got 3"
    ):
        validate({"study": {"name": "s"}, "trainer": {"sampling": "pairs", "batch_size": 3}})
