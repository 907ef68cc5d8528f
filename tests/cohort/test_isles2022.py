"""ISLES 2022 in both layouts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.cohort import load_cohort, split_cohort
from study.cohort.isles2022 import list_isles2022
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here

NAME = "sub-strokecase0001_ses-0001"


def write_current_layout(
    root: Path, nifti, subject: str = "sub-strokecase0001", session: str = "ses-0001"
) -> None:
    stem = f"{subject}_{session}"
    nifti(root / subject / session / "dwi" / f"{stem}_dwi.nii.gz")
    nifti(root / subject / session / "dwi" / f"{stem}_adc.nii.gz")
    nifti(root / "derivatives" / subject / session / f"{stem}_msk.nii.gz")


def test_layout_with_dwi_and_anat_folders_is_read(tmp_path, nifti, configure):
    write_current_layout(tmp_path, nifti)
    flair = nifti(tmp_path / "sub-strokecase0001/ses-0001/anat" / f"{NAME}_FLAIR.nii.gz")
    (entry,) = list_isles2022(
        configure(sources=["isles2022"], isles2022={"root": tmp_path, "center": "TUM"})
    ).entries
    assert (entry.id, entry.patient, entry.center) == ("sub-strokecase0001", "sub-strokecase0001", "TUM")
    assert set(entry.images) == {"DWI", "ADC", "FLAIR"}
    assert entry.images["FLAIR"] == flair
    assert entry.masks["lesion"].name == f"{NAME}_msk.nii.gz"
    assert not entry.problems


def test_rawdata_layout_is_read(tmp_path, nifti, configure):
    for suffix in ("dwi", "adc", "flair"):
        nifti(tmp_path / "rawdata/sub-strokecase0001/ses-0001" / f"{NAME}_{suffix}.nii.gz")
    nifti(tmp_path / "derivatives/sub-strokecase0001/ses-0001" / f"{NAME}_msk.nii.gz")
    (entry,) = list_isles2022(configure(sources=["isles2022"], isles2022={"root": tmp_path})).entries
    assert set(entry.images) == {"DWI", "ADC", "FLAIR"}
    assert set(entry.masks) == {"lesion"}


def test_subject_without_mask_is_listed_without_one(tmp_path, nifti, configure):
    nifti(tmp_path / "sub-strokecase0001/ses-0001/dwi" / f"{NAME}_dwi.nii.gz")
    (entry,) = list_isles2022(configure(sources=["isles2022"], isles2022={"root": tmp_path})).entries
    assert set(entry.images) == {"DWI"}
    assert not entry.masks


def test_two_sessions_are_two_subjects_of_one_patient(tmp_path, nifti, configure):
    write_current_layout(tmp_path, nifti, session="ses-0001")
    write_current_layout(tmp_path, nifti, session="ses-0002")
    entries = list_isles2022(configure(sources=["isles2022"], isles2022={"root": tmp_path})).entries
    assert [entry.id for entry in entries] == [
        "sub-strokecase0001_ses-0001",
        "sub-strokecase0001_ses-0002",
    ]
    assert {entry.patient for entry in entries} == {"sub-strokecase0001"}


def test_hidden_files_of_other_systems_are_no_scans(tmp_path, nifti, configure):
    write_current_layout(tmp_path, nifti)
    (tmp_path / "sub-strokecase0001/ses-0001/dwi" / f"._{NAME}_dwi.nii.gz").write_bytes(b"x")
    (entry,) = list_isles2022(configure(sources=["isles2022"], isles2022={"root": tmp_path})).entries
    assert not entry.problems


def test_two_files_of_a_modality_are_a_problem_that_names_both(tmp_path, nifti, configure):
    write_current_layout(tmp_path, nifti)
    nifti(tmp_path / "sub-strokecase0001/ses-0001/dwi" / f"{NAME}_run-2_dwi.nii.gz")
    config = configure(sources=["isles2022"], isles2022={"root": tmp_path})
    with pytest.raises(CohortError, match=r"sub-strokecase0001: .*2 files for DWI .*_dwi.*run-2_dwi"):
        load_cohort(config, NOWHERE)


@pytest.mark.parametrize("exists", [True, False])
def test_root_without_subjects_says_what_the_root_is(tmp_path, configure, exists):
    root = tmp_path if exists else tmp_path / "absent"
    with pytest.raises(CohortError, match=r"cohort\.isles2022\.root: .*no folder sub-\*.*give the folder"):
        load_cohort(configure(sources=["isles2022"], isles2022={"root": root}), NOWHERE)


@pytest.mark.skipif(
    "STUDY_REAL_DATA" not in os.environ, reason="STUDY_REAL_DATA names no folder of real scans"
)
def test_real_scans_are_listed_and_split(configure):
    root = Path(os.environ["STUDY_REAL_DATA"]) / "ISLES-2022"
    config = configure(sources=["isles2022"], isles2022={"root": root})
    cohort = load_cohort(config, NOWHERE)
    assert [subject.id for subject in cohort.subjects] == [
        "sub-strokecase0001",
        "sub-strokecase0002",
        "sub-strokecase0009",
    ]
    assert [subject.key for subject in cohort.subjects] == [f"ISLES2022-000{number}" for number in (1, 2, 3)]
    assert ["FLAIR" in subject.images for subject in cohort.subjects] == [False, False, True]
    assert all("lesion" in subject.masks for subject in cohort.subjects)
    splits = split_cohort(cohort, config)
    assert [len(splits.train), len(splits.validation), len(splits.test), len(splits.unseen)] == [1, 1, 1, 0]
