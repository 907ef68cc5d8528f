"""The cohort of a study on disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from study.cohort import Cohort, Splits, Subject, cohort_hash, read_cohort, read_splits, write_splits
from study.errors import StudyError
from study.results import StudyFolder

SPLITS = Splits(train=("A-0001",), validation=(), test=(), unseen=("B-0001",), control=("A-0002",))


@pytest.fixture
def cohort(tmp_path):
    scan = tmp_path / "secret, folder" / "d.nii"
    scan.parent.mkdir()
    scan.write_bytes(b"12345")
    first = Subject('Müller, "Anna"', "0012", "A", "A-0001", {"DWI": scan, "ADC": scan}, {"lesion": scan})
    second = Subject(
        "s2", "p2", "B", "B-0001", {"SWAN": tmp_path / "absent.nii"}, {},
        occlusion="distal", substituted={"SWAN": "SWI"},
    )  # fmt: skip
    later = replace(first, id="later", key="A-0002", images={"DWI": tmp_path / "later.nii"}, control=True)
    return Cohort((first, later, second), skipped=3)


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "studies", "test")


def test_what_was_written_is_read(folder, cohort):
    write_splits(folder, cohort, SPLITS)
    assert read_splits(folder) == SPLITS
    assert read_cohort(folder) == cohort


def test_splits_file_holds_keys_only(folder, cohort):
    write_splits(folder, cohort, SPLITS)
    text = folder.splits.read_text()
    for secret in ("ller", "0012", "p2", "secret"):
        assert secret not in text
    assert json.loads(text)["train"] == ["A-0001"]


def test_private_table_is_readable_by_its_owner_only(folder, cohort):
    write_splits(folder, cohort, SPLITS)
    assert folder.subjects.stat().st_mode & 0o077 == 0


def test_nothing_half_written_is_left(folder, cohort):
    write_splits(folder, cohort, SPLITS)
    assert {path.name for path in folder.path.iterdir()} == {"splits.json", "subjects.csv"}


@pytest.mark.parametrize("read", [read_splits, read_cohort])
def test_study_that_was_not_prepared_is_told(folder, read):
    with pytest.raises(StudyError, match=r"splits\.json: file is missing; the study has not been prepared"):
        read(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"train": []}'])
def test_damaged_splits_are_told(folder, cohort, content):
    write_splits(folder, cohort, SPLITS)
    folder.splits.write_text(content)
    with pytest.raises(StudyError, match=r"splits\.json: damaged"):
        read_splits(folder)


@pytest.mark.parametrize(
    "content",
    [
        "key,id\nA-0001,s1\n",
        "key,id,patient,center\n1,2,3,4,5,6\n",
        "key,id,patient,center,occlusion,control,substituted\n1,2,3,4,,no,SWAN\n",
    ],
)
def test_damaged_table_is_told(folder, cohort, content):
    write_splits(folder, cohort, SPLITS)
    folder.subjects.write_text(content)
    with pytest.raises(StudyError, match=r"subjects\.csv: damaged"):
        read_cohort(folder)


def test_absent_table_is_told(folder, cohort):
    write_splits(folder, cohort, SPLITS)
    folder.subjects.unlink()
    with pytest.raises(StudyError, match=r"subjects\.csv: file is missing"):
        read_cohort(folder)


def test_hash_tells_other_data_from_the_same_data_elsewhere(tmp_path, cohort):
    first, later, second = cohort.subjects
    original = cohort_hash(cohort, SPLITS)
    copy = tmp_path / "copy.nii"
    copy.write_bytes(b"54321")
    moved = replace(first, images={"ADC": copy, "DWI": copy}, masks={"lesion": copy})
    assert cohort_hash(Cohort((second, moved, later)), SPLITS) == original
    changes = [
        (Cohort((first, later)), SPLITS),
        (Cohort((first, later, replace(second, patient="p3"))), SPLITS),
        (Cohort((replace(first, masks={}), later, second)), SPLITS),
        (Cohort((first, replace(later, control=False), second)), SPLITS),
        (Cohort((first, later, replace(second, occlusion=""))), SPLITS),
        (Cohort((first, later, replace(second, substituted={}))), SPLITS),
        (cohort, replace(SPLITS, train=(), test=("A-0001",))),
        (cohort, replace(SPLITS, control=())),
    ]
    hashes = {cohort_hash(changed, splits) for changed, splits in changes}
    copy.write_bytes(b"123456")
    hashes.add(cohort_hash(Cohort((moved, later, second)), SPLITS))
    assert original not in hashes
    assert len(hashes) == 9


def test_hash_of_a_cohort_that_was_read_is_the_same(folder, cohort):
    write_splits(folder, cohort, SPLITS)
    assert cohort_hash(read_cohort(folder), read_splits(folder)) == cohort_hash(cohort, SPLITS)
    assert Path(folder.splits).exists()
