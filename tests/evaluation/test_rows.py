from __future__ import annotations

import numpy as np
import pytest

from study.cohort.records import SubjectFacts
from study.config import Evaluation
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.imaging.prepare import Prepared
from study.imaging.volume import Grid
from study.machine.runtime import Runtime

FACTS = {
    "FOCH-0001": SubjectFacts("FOCH-0001", "FOCH", "proximal", {"SWAN": "SWI", "PHASE": "FIELD"}),
    "MATAR-0001": SubjectFacts("MATAR-0001", "MATAR"),
    "MATAR-0002": SubjectFacts("MATAR-0002", "MATAR"),
}


def drawing(*rows: str) -> np.ndarray:
    """One slice [1, H, W]; `#` is 1."""
    return np.array([[[sign == "#" for sign in row] for row in rows]])


def subject(key: str, target: np.ndarray, present: tuple[bool, ...] = (True, True, False)) -> Prepared:
    """Two of three modalities, on voxels of 5 x 2 x 1 mm: 0.01 mL."""
    grid = Grid(target.shape, np.diag([5.0, 2.0, 1.0, 1.0]))
    image = np.zeros((3, *target.shape), np.float32)
    empty = np.zeros((0, 3), np.int16)
    labels = target.astype(np.uint8)
    return Prepared(FACTS[key], image, present, labels, empty, grid, grid, labels)


@pytest.fixture
def judge() -> Judge:
    runtime = Runtime.choose("cpu", "fp32")
    return Judge(("DWI", "SWAN", "PHASE"), ("SWAN",), Evaluation(), (1, 3, 5), runtime)


def test_a_row_tells_the_occlusion_false_components_and_what_stood_in(judge: Judge) -> None:
    prepared = subject("FOCH-0001", drawing("##...", ".....", "....#"))
    given, without_swan = judge.subsets(prepared)
    assert (given.given_text, without_swan.given_text) == ("DWI+SWAN", "DWI")
    probability = drawing("#..##", "....#", ".....").astype(np.float32)
    settings = Chains(full={})
    row = judge.row(4, "test", False, prepared, given, probability, settings)
    assert (row.occlusion, row.center, row.seen, row.split, row.trial) == (
        "proximal", "FOCH", False, "test", 4
    )  # fmt: skip
    assert (row.false_positives, row.false_positive_voxels, row.false_positive_ml) == (1, 3, 0.03)
    assert (row.false_negatives, row.false_negative_voxels, row.false_negative_ml) == (1, 1, 0.01)
    assert row.detected == 1
    # PHASE was not there, SWAN is taken away in the second subset: nothing stood in for what was not given.
    assert row.substituted == "SWAN=SWI"
    assert judge.row(4, "test", False, prepared, without_swan, probability, settings).substituted == ""


def test_a_row_is_about_the_mask_after_post_processing(judge: Judge) -> None:
    prepared = subject("MATAR-0001", drawing(".....", "....."))
    (given, _) = judge.subsets(prepared)
    probability = drawing("#..##", ".....").astype(np.float32)
    counts = [
        judge.row(
            0,
            "control",
            True,
            prepared,
            given,
            probability,
            Chains(full={"remove_small": {"ml": volume}}),
        ).false_positives
        for volume in (0.0, 0.02, 0.03)
    ]
    assert counts == [2, 1, 0]


def test_a_subject_of_whom_nothing_is_known_has_empty_columns(judge: Judge) -> None:
    prepared = subject("MATAR-0001", drawing("#"))
    row = judge.row(
        0,
        "control",
        True,
        prepared,
        judge.subsets(prepared)[0],
        np.ones((1, 1, 1), np.float32),
        Chains(full={}),
    )
    assert (row.occlusion, row.substituted, row.split) == ("", "", "control")
