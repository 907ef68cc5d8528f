"""The private table of a study, and the splits beside it, which name nobody."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from studies import prepared_study

from study.cohort import Cohort, Splits, Subject, cohort_hash
from study.errors import StudyError
from study.records import StudyFolder

SPLITS = Splits(train=("A-0001",), validation=(), test=(), unseen=("B-0001",), control=("A-0002",))


@pytest.fixture
def cohort(tmp_path):
    scan = tmp_path / "secret, folder" / "d.nii"
    scan.parent.mkdir()
    scan.write_bytes(b"12345")
    first = Subject('Müller, "Anna"', "0012", "A", "A-0001", {"DWI": scan, "ADC": scan}, {"lesion": scan})
    second = Subject(
        "s2", "p2", "B", "B-0001", {"SWAN": tmp_path / "absent.nii"}, {},
        occlusion="distal", stand_ins={"SWAN": "SWI"},
    )  # fmt: skip
    later = replace(first, id="later", key="A-0002", images={"DWI": tmp_path / "later.nii"}, control=True)
    return Cohort((first, later, second), skipped=3)


@pytest.fixture
def folder(tmp_path, cohort):
    """A prepared study."""
    folder = StudyFolder(tmp_path / "studies", "test")
    folder.subjects.write(cohort)
    folder.prepared.write(prepared_study(SPLITS, skipped=cohort.skipped))
    return folder


def test_what_was_written_is_read(folder, cohort):
    assert folder.subjects.read() == cohort.subjects
    assert folder.prepared.read().splits == SPLITS
    assert folder.prepared.read().skipped == 3


def test_the_prepared_study_holds_keys_only(folder):
    text = folder.prepared.path.read_text()
    for secret in ("ller", "0012", "p2", "secret"):
        assert secret not in text
    assert json.loads(text)["splits"]["train"] == ["A-0001"]


def test_the_private_table_is_readable_by_its_owner_only(folder):
    assert folder.subjects.path.stat().st_mode & 0o077 == 0


def test_nothing_half_written_is_left(folder):
    assert {path.name for path in folder.path.iterdir()} == {"prepared.json", "subjects.csv"}


@pytest.mark.parametrize(
    "content",
    [
        "key,id\nA-0001,s1\n",
        "key,id,patient,center\n1,2,3,4,5,6\n",
        "key,id,patient,center,occlusion,control,substituted\n1,2,3,4,,no,SWAN\n",
    ],
)
def test_a_damaged_table_is_told(folder, content):
    folder.subjects.path.write_text(content)
    with pytest.raises(StudyError, match=r"subjects\.csv: damaged"):
        folder.subjects.read()


def test_an_absent_table_is_told(folder):
    folder.subjects.path.unlink()
    with pytest.raises(StudyError, match=r"subjects\.csv: file is missing"):
        folder.subjects.read()


def test_the_hash_of_a_cohort_that_was_read_is_the_same(folder, cohort):
    read = Cohort(folder.subjects.read())
    assert cohort_hash(read, folder.prepared.read().splits) == cohort_hash(cohort, SPLITS)
