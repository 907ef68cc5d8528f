"""Which test subjects are shown: best, median and worst of each center by Dice with all modalities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import result_row

from study.cohort.records import SubjectFacts
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.records import StudyFolder
from study.workflow.examples import ExamplePicker

SHAPE = (3, 4, 5)
GRID = Grid(SHAPE, np.eye(4))


def subject(key: str) -> Prepared:
    target = np.zeros(SHAPE, np.uint8)
    target[1, 1:3, 1:3] = 1
    return Prepared(
        facts=SubjectFacts(key, key[0]),
        image=np.ones((1, *SHAPE), np.float32),
        present=(True,),
        target=target,
        foreground=np.argwhere(target).astype(np.int16),
        grid=GRID,
        native=GRID,
        native_target=target,
    )


def picker(dices: dict[str, float]) -> ExamplePicker:
    """Subjects by key, with a Dice that is lower by 0.1 without B0; each mask is one voxel."""
    taken = ExamplePicker()
    for place, (key, dice) in enumerate(dices.items()):
        prepared, mask = subject(key), np.zeros(SHAPE, np.bool_)
        mask.ravel()[place] = True
        taken.add(prepared, result_row(subject=key, center=key[0], dice=dice), mask)
        taken.add(prepared, result_row(subject=key, center=key[0], dice=dice - 0.1, removed="B0"), mask)
    return taken


def test_the_best_the_median_and_the_worst_of_each_center_are_picked() -> None:
    found = picker({"A1": 0.3, "A2": 0.9, "A3": 0.1, "A4": 0.5, "A5": 0.7, "B1": 0.2, "B2": 0.4}).picked()
    assert [(one.center, one.subject, one.rank) for one in found] == [
        ("A", "A2", "best"),
        ("A", "A4", "median"),
        ("A", "A3", "worst"),
        ("B", "B2", "best"),
        ("B", "B1", "worst"),
    ]


def test_a_center_s_only_subject_is_neither_best_nor_worst() -> None:
    (one,) = picker({"A1": 0.3}).picked()
    assert one.rank == "only"


def test_a_subject_without_a_dice_is_left_out() -> None:
    assert [one.subject for one in picker({"A1": float("nan"), "A2": 0.3}).picked()] == ["A2"]


def test_what_is_picked_comes_back_from_the_file_as_it_was(tmp_path: Path) -> None:
    written = picker({"A1": 0.3, "A2": 0.9}).picked()
    trial = StudyFolder(tmp_path, "s").trial(0)
    trial.examples.write(written)
    read = trial.examples.read()
    assert [(one.subject, one.center, one.rank) for one in read] == [
        ("A2", "A", "best"),
        ("A1", "A", "worst"),
    ]
    for one, other in zip(written, read, strict=True):
        np.testing.assert_array_equal(one.reference, other.reference)
        assert [(shown.removed, shown.dice) for shown in other.predictions] == [
            ("", pytest.approx(one.predictions[0].dice)),
            ("B0", pytest.approx(one.predictions[1].dice)),
        ]
        for shown, back in zip(one.predictions, other.predictions, strict=True):
            np.testing.assert_array_equal(shown.mask, back.mask)
    assert read[0].predictions[0].mask.ravel().nonzero()[0].tolist() == [1]
    assert read[0].reference.sum() == 4


def test_a_study_without_examples_has_none(tmp_path: Path) -> None:
    assert StudyFolder(tmp_path, "s").trial(0).examples.read() == []
