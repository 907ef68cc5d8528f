"""Splits that somebody else has fixed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from studies import prepared_study

from study.cohort import Cohort, split_cohort
from study.errors import ConfigError
from study.records import StudyFolder

PEOPLE = [("A", f"s{number}", f"p{number}x") for number in range(5)] + [
    ("B", "t1", "q1x"),
    ("B", "s1", "q2x"),
]


@pytest.fixture
def fixed(tmp_path, configure, gather):
    """Splits a cohort by this JSON content; `people` are (center, id, patient)."""

    def split(content, people=PEOPLE, **cohort):
        path = tmp_path / "splits.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        config = configure(splits={"kind": "fixed", "path": str(path)}, **{"unseen": ["B"], **cohort})
        return split_cohort(gather(people), config)

    return split


def test_subjects_go_where_the_file_says_and_others_are_not_used(fixed):
    splits = fixed({"train": ["s0", "A/s1"], "validation": ["s2"], "test": ["s4"]})
    assert splits.train == ("A-s0", "A-s1")
    assert splits.validation == ("A-s2",)
    assert splits.test == ("A-s4",)
    assert splits.unseen == ("B-t1", "B-s1")


def test_unseen_subjects_may_be_listed_as_test(fixed):
    splits = fixed({"train": ["s0"], "validation": ["s2"], "test": ["t1"]})
    assert splits.test == ()
    assert splits.unseen == ("B-t1", "B-s1")


def test_a_studys_own_splits_can_be_used_again(tmp_path, fixed, gather, configure):
    splits = split_cohort(gather(PEOPLE), configure(unseen=["B"]))
    folder = StudyFolder(tmp_path, "earlier")
    folder.prepared.write(prepared_study(splits))
    assert fixed(folder.prepared.path.read_text()) == splits


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"train": ["s0", "s9"], "validation": ["s2"]},
            "subject s9 is not in the cohort of 7; there is s0, s1, s2, …",
        ),
        ({"train": ["s0", "s2"], "validation": ["s2"]}, r"s2 is listed twice \(train, validation\)"),
        ({"train": ["s0", "s0"], "validation": ["s2"]}, r"s0 is listed twice \(train, train\)"),
        ({"train": ["s0", "s1"], "validation": ["s2"]}, "s1 is at 2 centers; write A/s1 or B/s1"),
        ({"train": ["s0", "t1"], "validation": ["s2"]}, "t1 in train is of the unseen center B"),
        ({"train": ["s0"], "validation": ["s2", "t1"]}, "t1 in validation is of the unseen center B"),
        ({"train": ["s0"], "validation": []}, "no validation subject is left"),
        ({"train": [], "validation": ["s2"]}, "no training subject is left"),
        ({"train": ["s0"], "valid": ["s2"]}, "unknown list 'valid'; expected"),
        ({"train": "s0", "validation": ["s2"]}, "'train' in .* is not a list of strings"),
        ({"train": [1], "validation": ["s2"]}, "'train' in .* is not a list of strings"),
        ([], "is not a JSON object"),
        ("{", "is not JSON"),
    ],
)
def test_mistakes_are_refused(fixed, content, message):
    with pytest.raises(ConfigError, match=message):
        fixed(content)


def test_all_mistakes_are_told_at_once(fixed):
    with pytest.raises(ConfigError) as error:
        fixed({"train": ["s8", "s9", "t1"], "validation": ["s2"]})
    assert len(error.value.problems) == 3


def test_absent_file_is_refused(configure, gather, tmp_path):
    config = configure(splits={"kind": "fixed", "path": str(tmp_path / "absent.json")})
    with pytest.raises(ConfigError, match=r"cohort\.splits\.path: .*absent\.json: file is missing"):
        split_cohort(gather(PEOPLE), config)


def test_patient_in_two_splits_is_refused(fixed):
    people = [("A", "s0", "anna"), ("A", "s1", "bert"), ("A", "s2", "anna")]
    with pytest.raises(ConfigError, match=r"patient anna is in two splits: train \(s0\), validation \(s2\)"):
        fixed({"train": ["s0"], "validation": ["s2"], "test": ["s1"]}, people, unseen=[])


def test_patient_to_learn_from_who_is_also_at_an_unseen_center_is_refused(fixed):
    people = [("A", "s0", "anna"), ("A", "s1", "bert"), ("B", "t0", "anna")]
    with pytest.raises(ConfigError, match=r"patient anna is in two splits: train \(s0\), unseen \(t0\)"):
        fixed({"train": ["s0"], "validation": ["s1"]}, people)


def test_subject_that_cannot_be_used_is_refused_with_the_reason(fixed):
    lists = {"train": ["s0"], "validation": ["s2"]}
    with pytest.raises(ConfigError, match="s0 in train has no thrombus mask"):
        fixed(lists, target="thrombus")
    with pytest.raises(ConfigError, match=r"s0 in train is of center A, which cohort\.seen leaves out"):
        fixed(lists, seen=["B"], unseen=[])


@pytest.fixture
def followed(tmp_path, configure, gather):
    """Splits a cohort in which every patient has a control scan, too, by these lists."""

    def split(lists, **cohort):
        path = tmp_path / "splits.json"
        path.write_text(json.dumps(lists))
        after = gather([(center, f"{identity}after", patient) for center, identity, patient in PEOPLE])
        controls = tuple(replace(subject, control=True) for subject in after.subjects)
        config = configure(splits={"kind": "fixed", "path": str(path)}, **{"unseen": ["B"], **cohort})
        return split_cohort(Cohort(gather(PEOPLE).subjects + controls), config)

    return split


def test_control_scans_follow_their_patients(followed):
    lists = {"train": ["s0"], "validation": ["s2"], "test": ["s4"]}
    splits = followed(lists)
    assert (splits.train, splits.test) == (("A-s0",), ("A-s4",))
    assert splits.unseen == ("B-t1", "B-s1")
    assert splits.control == ("A-s1after", "A-s3after", "A-s4after", "B-t1after", "B-s1after")
    assert not followed(lists, controls="exclude").control


def test_listed_control_scans_are_refused_unless_they_are_included(followed):
    lists = {"train": ["s0", "s0after"], "validation": ["s2"]}
    with pytest.raises(ConfigError, match=r"s0after in train is a control scan; .*cohort\.controls=include"):
        followed(lists)
    assert followed(lists, controls="include").train == ("A-s0", "A-s0after")


def test_a_control_scan_at_an_unseen_center_is_left_out_where_its_patient_trains(tmp_path, configure, gather):
    anna = gather([("A", "s0", "anna"), ("A", "s1", "bert"), ("B", "t1", "cleo")]).subjects
    after = replace(gather([("B", "t0", "anna")]).subjects[0], control=True)
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"train": ["s0"], "validation": ["s1"]}))
    config = configure(splits={"kind": "fixed", "path": str(path)}, unseen=["B"])
    splits = split_cohort(Cohort((*anna, after)), config)
    assert (splits.train, splits.unseen, splits.control) == (("A-s0",), ("B-t1",), ())
