from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from study.cohort.records import Splits
from study.config import Config, validate
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.imaging.prepare import Prepared
from study.imaging.volume import Grid
from study.judging import to_score

CENTERS = {"FOCH-0001": "FOCH", "MATAR-0001": "MATAR", "MATAR-0002": "MATAR"}


def drawing(*rows: str) -> np.ndarray:
    """One slice [1, H, W]; `#` is 1."""
    return np.array([[[sign == "#" for sign in row] for row in rows]])


def subject(key: str, target: np.ndarray, present: tuple[bool, ...] = (True, True, False)) -> Prepared:
    """Two of three modalities, on voxels of 5 x 2 x 1 mm: 0.01 mL."""
    grid = Grid(target.shape, np.diag([5.0, 2.0, 1.0, 1.0]))
    image = np.zeros((3, *target.shape), np.float32)
    empty = np.zeros((0, 3), np.int16)
    labels = target.astype(np.uint8)
    return Prepared(key, image, present, labels, empty, grid, grid, labels)


@pytest.fixture
def config() -> Config:
    return validate(
        {
            "study": {"name": "s"},
            "cohort": {"modalities": ["DWI", "SWAN", "PHASE"], "target": "thrombus", "unseen": ["FOCH"]},
            "modality_dropout": {"droppable": ["SWAN"]},
            "imaging": {"reference": "SWAN"},
        }
    )


@pytest.fixture
def judge(config: Config) -> Judge:
    return Judge(
        config,
        (1, 3, 5),
        CENTERS,
        torch.device("cpu"),
        occlusions={"FOCH-0001": "proximal"},
        substituted={"FOCH-0001": "PHASE=FIELD+SWAN=SWI"},
    )


def test_a_row_tells_the_occlusion_false_components_and_what_stood_in(judge: Judge) -> None:
    prepared = subject("FOCH-0001", drawing("##...", ".....", "....#"))
    given, without_swan = judge.subsets(prepared)
    assert (given.name, without_swan.name) == ("DWI+SWAN", "DWI")
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


def test_control_scans_are_tested_after_and_apart_from_test_subjects() -> None:
    subjects = {key: subject(key, drawing("#")) for key in CENTERS}
    splits = Splits(("T-1",), ("V-1",), ("MATAR-0001",), (), ("FOCH-0001", "MATAR-0002"))
    data = SimpleNamespace(
        splits=splits, centers=CENTERS, prepared=lambda keys: [subjects[key] for key in keys]
    )
    groups = to_score(data, ["FOCH"])  # type: ignore[arg-type]
    assert [(group.split, group.seen, [one.key for one in group.subjects]) for group in groups] == [
        ("test", True, ["MATAR-0001"]),
        ("test", False, []),
        ("control", True, ["MATAR-0002"]),
        ("control", False, ["FOCH-0001"]),
    ]
