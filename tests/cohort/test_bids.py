"""BIDS-like folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cohort.bids import list_bids
from study.cohort.load import load_cohort
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def participants(tmp_path, configure):
    """Writes participants.tsv from rows of cells; returns the configuration."""

    def write(*rows, **cohort):
        (tmp_path / "participants.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
        return configure(sources=["bids"], bids={"root": tmp_path}, **cohort)

    return write


HEADER = ("participant_id", "center", "patient_id")


def test_participant_has_its_scans_masks_center_and_patient(tmp_path, nifti, participants):
    dwi = nifti(tmp_path / "sub-001/dwi/sub-001_DWI.nii.gz")
    swan = nifti(tmp_path / "sub-001/anat/sub-001_SWAN.nii.gz")
    masks = {
        name: nifti(tmp_path / f"derivatives/sub-001/sub-001_{name}_mask.nii.gz")
        for name in ("lesion", "thrombus", "brain")
    }
    (tmp_path / "sub-001/sub-001_truth.json").write_text("{}")
    (entry,) = list_bids(participants(HEADER, ("sub-001", "CHSF", "anna"))).entries
    assert (entry.id, entry.patient, entry.center) == ("sub-001", "anna", "CHSF")
    assert entry.images == {"DWI": dwi, "SWAN": swan}
    assert entry.masks == masks
    assert not entry.problems


@pytest.mark.parametrize("patient", ["", "n/a", None])
def test_participant_without_patient_id_is_a_patient_of_their_own(tmp_path, nifti, participants, patient):
    nifti(tmp_path / "sub-001/dwi/sub-001_DWI.nii.gz")
    rows = [HEADER[:2], ("sub-001", "A")] if patient is None else [HEADER, ("sub-001", "A", patient)]
    (entry,) = list_bids(participants(*rows)).entries
    assert entry.patient == "sub-001"


def test_sessions_are_subjects_of_one_patient_and_have_their_own_masks(tmp_path, nifti, participants):
    for session in ("ses-1", "ses-2"):
        nifti(tmp_path / f"sub-001/{session}/dwi/sub-001_{session}_dwi.nii.gz")
        nifti(tmp_path / f"derivatives/sub-001/{session}/sub-001_{session}_lesion_mask.nii.gz")
    entries = list_bids(participants(HEADER[:2], ("sub-001", "A"))).entries
    assert [entry.id for entry in entries] == ["sub-001_ses-1", "sub-001_ses-2"]
    assert [entry.patient for entry in entries] == ["sub-001", "sub-001"]
    assert [entry.masks["lesion"].parent.name for entry in entries] == ["ses-1", "ses-2"]


def test_masks_are_found_in_a_pipelines_folder_and_with_bids_entities(tmp_path, nifti, participants):
    nifti(tmp_path / "sub-001/dwi/sub-001_DWI.nii.gz")
    lesion = nifti(tmp_path / "derivatives/manual/sub-001/anat/sub-001_space-orig_desc-lesion_mask.nii.gz")
    (entry,) = list_bids(participants(HEADER[:2], ("sub-001", "A"))).entries
    assert entry.masks == {"lesion": lesion}


def test_two_masks_of_a_kind_are_a_problem(tmp_path, nifti, participants):
    nifti(tmp_path / "sub-001/dwi/sub-001_DWI.nii.gz")
    nifti(tmp_path / "derivatives/sub-001/sub-001_lesion_mask.nii.gz")
    nifti(tmp_path / "derivatives/manual/sub-001/sub-001_lesion_mask.nii.gz")
    with pytest.raises(CohortError, match=r"sub-001: .*2 files for lesion"):
        load_cohort(participants(HEADER[:2], ("sub-001", "A")), NOWHERE)


def test_several_files_of_an_unused_modality_do_no_harm(tmp_path, nifti, participants):
    nifti(tmp_path / "sub-001/dwi/sub-001_DWI.nii.gz")
    nifti(tmp_path / "sub-001/anat/sub-001_run-1_T1w.nii.gz")
    nifti(tmp_path / "sub-001/anat/sub-001_run-2_T1w.nii.gz")
    (subject,) = load_cohort(participants(HEADER[:2], ("sub-001", "A")), NOWHERE).subjects
    assert set(subject.images) == {"DWI"}


def test_every_slip_in_participants_is_told_at_once(tmp_path, nifti, participants):
    for name in ("sub-001", "sub-002", "sub-009"):
        nifti(tmp_path / f"{name}/dwi/{name}_DWI.nii.gz")
    config = participants(
        HEADER[:2], ("sub-001", "A"), ("sub-002", ""), ("sub-003", "A"), ("n/a", "A"), ("/tmp", "A")
    )
    with pytest.raises(CohortError) as error:
        load_cohort(config, NOWHERE)
    told = {problem.subject: problem.what for problem in error.value.problems}
    assert told == {
        "sub-002": "no center in line 3",
        "sub-003": "the folder is missing",
        "n/a": "no participant_id in line 5",
        "/tmp": "the folder is missing",
        "sub-009": "has a folder but no row",
    }


def test_participants_without_center_are_refused(tmp_path, participants):
    with pytest.raises(
        CohortError, match="no column 'center'; there are participant_id, Site; rename 'Site' to center"
    ):
        load_cohort(participants(("participant_id", "Site"), ("sub-001", "A")), NOWHERE)


def test_case_of_columns_is_no_matter_and_others_are_ignored_with_a_remark(tmp_path, nifti, participants):
    nifti(tmp_path / "sub-001/dwi/sub-001_DWI.nii.gz")
    table = participants(("Participant_ID", "age", "Center", "PATIENT_ID"), ("sub-001", "63", "A", "anna"))
    cohort = load_cohort(table, NOWHERE)
    assert [(one.id, one.center, one.patient) for one in cohort.subjects] == [("sub-001", "A", "anna")]
    assert [str(remark) for remark in cohort.remarks] == ["participants.tsv: columns that are not used: age"]


def test_folder_without_participants_is_refused(tmp_path, configure):
    with pytest.raises(CohortError, match=r"participants\.tsv: file is missing"):
        load_cohort(configure(sources=["bids"], bids={"root": tmp_path}), NOWHERE)
