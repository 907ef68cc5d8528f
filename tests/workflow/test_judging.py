from __future__ import annotations

from types import SimpleNamespace

from study.cohort.records import Splits, SubjectFacts
from study.workflow.judging import to_score

CENTERS = {"FOCH-0001": "FOCH", "MATAR-0001": "MATAR", "MATAR-0002": "MATAR"}


def test_control_scans_are_tested_after_and_apart_from_test_subjects() -> None:
    subjects = {
        key: SimpleNamespace(key=key, facts=SubjectFacts(key, center)) for key, center in CENTERS.items()
    }
    splits = Splits(("T-1",), ("V-1",), ("MATAR-0001",), (), ("FOCH-0001", "MATAR-0002"))
    data = SimpleNamespace(splits=splits, of=lambda keys: [subjects[key] for key in keys])
    groups = to_score(data, ["FOCH"])  # type: ignore[arg-type]
    assert [(group.split, group.seen, [one.key for one in group.subjects]) for group in groups] == [
        ("test", True, ["MATAR-0001"]),
        ("test", False, []),
        ("control", True, ["MATAR-0002"]),
        ("control", False, ["FOCH-0001"]),
    ]
