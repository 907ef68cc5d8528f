"""What tells one data set from another, without names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from study.cohort import Cohort, Splits, Subject, cohort_hash

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
        (Cohort((first, later, replace(second, stand_ins={}))), SPLITS),
        (cohort, replace(SPLITS, train=(), test=("A-0001",))),
        (cohort, replace(SPLITS, control=())),
    ]
    hashes = {cohort_hash(changed, splits) for changed, splits in changes}
    copy.write_bytes(b"123456")
    hashes.add(cohort_hash(Cohort((moved, later, second)), SPLITS))
    assert original not in hashes
    assert len(hashes) == 9
