"""The MS data sets of ISBI 2015 and of Ljubljana."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.cohort import load_cohort, split_cohort
from study.cohort.isbi2015 import list_isbi2015
from study.cohort.umcl import list_umcl
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here
ISBI, UMCL = ["FLAIR", "T1", "T2", "PD"], ["FLAIR", "T1", "T1c", "T2"]


@pytest.fixture
def isbi(tmp_path, nifti, configure):
    """Writes examinations (patient, number); returns the configuration."""

    def write(*looks, raters=(1, 2), above="", **settings):
        for patient, number in looks:
            folder, look = tmp_path / above / f"training{patient:02d}", f"training{patient:02d}_{number:02d}"
            for sequence in ("mprage", "flair", "t2", "pd"):
                nifti(folder / "preprocessed" / f"{look}_{sequence}_pp.nii")
                nifti(folder / "orig" / f"{look}_{sequence}.nii.gz")
            for rater in raters:
                nifti(folder / "masks" / f"{look}_mask{rater}.nii")
        section = {"root": tmp_path, **settings}
        return configure(sources=["isbi2015"], modalities=ISBI, isbi2015=section)

    return write


@pytest.fixture
def umcl(tmp_path, nifti, configure):
    """Writes patients with files of these names; returns the configuration."""

    def write(*patients, prefix="", **settings):
        files = ("FLAIR", "T1W", "T1WKS", "T2W", "consensus_gt", "brainmask")
        for patient in patients:
            for name in files:
                nifti(tmp_path / patient / f"{prefix.format(patient)}{name}.nii.gz")
            nifti(tmp_path / patient / "raw" / f"{patient}_FLAIR.nii.gz")
        section = {"root": tmp_path, **settings}
        return configure(sources=["umcl"], modalities=UMCL, umcl=section)

    return write


def test_examinations_of_isbi_are_subjects_of_one_patient(isbi, tmp_path):
    entries = list_isbi2015(isbi((1, 1), (1, 2), (2, 1))).entries
    assert [one.id for one in entries] == ["training01_01", "training01_02", "training02_01"]
    assert [one.patient for one in entries] == ["training01", "training01", "training02"]
    assert {one.center for one in entries} == {"ISBI2015"}
    folder = tmp_path / "training01"
    assert entries[1].images["T1"] == folder / "preprocessed/training01_02_mprage_pp.nii"
    assert set(entries[1].images) == set(ISBI)
    assert entries[1].masks == {"lesion": folder / "masks/training01_02_mask1.nii"}


def test_a_patient_of_isbi_is_in_one_split(isbi):
    config = isbi(*((patient, look) for patient in range(1, 6) for look in range(1, 5)))
    cohort = load_cohort(config, NOWHERE)
    splits = split_cohort(cohort, config)
    patients = [
        {cohort[key].patient for key in keys} for keys in (splits.train, splits.validation, splits.test)
    ]
    assert sum(map(len, patients)) == len(set().union(*patients)) == 5


def test_the_rater_is_chosen(isbi):
    (entry,) = list_isbi2015(isbi((1, 1), rater=2)).entries
    assert entry.masks["lesion"].name == "training01_01_mask2.nii"


def test_a_rater_who_drew_nothing_is_a_problem_where_the_other_did(isbi):
    config = isbi((1, 1), raters=(1,), rater=2)
    with pytest.raises(CohortError, match=r"rater 2 has drawn no mask .*set cohort\.isbi2015\.rater=1"):
        load_cohort(config, NOWHERE)


def test_the_folder_above_and_folders_of_tests_are_understood(isbi, tmp_path):
    config = isbi((1, 1), above="training")
    (tmp_path / "training/test01").mkdir()
    listing = list_isbi2015(config)
    assert [one.id for one in listing.entries] == ["training01_01"]
    assert "1 folder test…" in str(listing.remarks[0])


def test_images_that_are_not_preprocessed_are_no_substitute(isbi, tmp_path):
    config = isbi((1, 1))
    for path in (tmp_path / "training01/preprocessed").iterdir():
        path.unlink()
    with pytest.raises(CohortError, match=r"training01: .*preprocessed.*orig are not registered"):
        load_cohort(config, NOWHERE)


def test_files_of_another_patient_of_isbi_are_a_problem(isbi, tmp_path, nifti):
    config = isbi((1, 1))
    nifti(tmp_path / "training01/preprocessed/training02_01_flair_pp.nii")
    with pytest.raises(CohortError, match=r"training02_01: .*lie in the folder of training01"):
        load_cohort(config, NOWHERE)


@pytest.mark.parametrize("prefix", ["", "{}_"])
def test_patients_of_umcl_are_read_with_and_without_their_names_in_files(umcl, tmp_path, prefix):
    (entry,) = list_umcl(umcl("patient07", prefix=prefix)).entries
    assert (entry.id, entry.patient, entry.center) == ("patient07", "patient07", "UMCL")
    assert set(entry.images) == set(UMCL)
    assert entry.images["T1c"].name == f"{prefix.format('patient07')}T1WKS.nii.gz"
    assert set(entry.masks) == {"lesion", "brain"}
    assert entry.masks["lesion"].parent == tmp_path / "patient07"
    assert not entry.problems


def test_raw_images_of_umcl_are_no_substitute(umcl, tmp_path):
    config = umcl("patient01")
    for path in (tmp_path / "patient01").glob("*.nii.gz"):
        path.unlink()
    with pytest.raises(CohortError, match="images in raw alone"):
        load_cohort(config, NOWHERE)


def test_a_file_of_another_patient_of_umcl_is_a_problem(umcl, tmp_path, nifti):
    config = umcl("patient01")
    nifti(tmp_path / "patient01/patient02_FLAIR.nii.gz")
    with pytest.raises(CohortError, match=r"patient02_FLAIR.*file of another patient"):
        load_cohort(config, NOWHERE)


@pytest.mark.parametrize(("source", "example"), [("isbi2015", "training01"), ("umcl", "patient01")])
def test_a_folder_without_patients_is_refused(tmp_path, configure, source, example):
    config = configure(sources=[source], modalities=["FLAIR"], **{source: {"root": tmp_path}})
    with pytest.raises(CohortError, match=rf"cohort\.{source}\.root: .*no folder {example}.*give the folder"):
        load_cohort(config, NOWHERE)


@pytest.mark.skipif(
    "STUDY_REAL_DATA" not in os.environ, reason="STUDY_REAL_DATA names no folder of real scans"
)
def test_real_patients_of_umcl_are_listed(configure):
    root = Path(os.environ["STUDY_REAL_DATA"]) / "UMCL"
    config = configure(sources=["umcl"], modalities=UMCL, umcl={"root": root})
    cohort = load_cohort(config, NOWHERE)
    assert [subject.id for subject in cohort.subjects] == ["patient07", "patient26"]
    assert all({"FLAIR", "T1", "T2"} <= set(subject.images) for subject in cohort.subjects)
    assert all("lesion" in subject.masks for subject in cohort.subjects)
