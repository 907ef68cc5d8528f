"""BraTS 2018 and 2023: cases, patients, centers, labels, and versions that are mixed up."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study.cohort import load_cohort, split_cohort
from study.cohort.brats2018 import list_brats2018
from study.cohort.brats2023 import list_brats2023
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here
MODALITIES = ["FLAIR", "T1", "T1c", "T2"]
ENDINGS = {"brats2018": ("_", "flair", "t1", "t1ce", "t2"), "brats2023": ("-", "t2f", "t1n", "t1c", "t2w")}


@pytest.fixture
def brats(tmp_path, nifti, configure):
    """Writes cases (paths below the root) of a release; returns the configuration."""

    def write(release, *cases, seg=True, root=tmp_path, modalities=MODALITIES, **settings):
        joint, *endings = ENDINGS[release]
        for case in cases:
            name = Path(case).name
            for ending in (*endings, *(["seg"] if seg else [])):
                nifti(tmp_path / case / f"{name}{joint}{ending}.nii.gz")
        section = {release: {"root": root, **settings}}
        return configure(sources=[release], modalities=modalities, **section)

    return write


def test_cases_of_2018_have_institution_patient_images_and_label_map(brats, tmp_path):
    config = brats("brats2018", "HGG/Brats18_CBICA_AAB_1", "LGG/Brats18_TCIA10_130_1")
    high, low = list_brats2018(config).entries
    assert (high.id, high.patient, high.center) == ("Brats18_CBICA_AAB_1", "CBICA_AAB", "CBICA")
    assert (low.patient, low.center) == ("TCIA10_130", "TCIA10")
    folder = tmp_path / "HGG/Brats18_CBICA_AAB_1"
    assert high.images == {
        "FLAIR": folder / "Brats18_CBICA_AAB_1_flair.nii.gz",
        "T1": folder / "Brats18_CBICA_AAB_1_t1.nii.gz",
        "T1c": folder / "Brats18_CBICA_AAB_1_t1ce.nii.gz",
        "T2": folder / "Brats18_CBICA_AAB_1_t2.nii.gz",
    }
    assert high.masks == {"lesion": folder / "Brats18_CBICA_AAB_1_seg.nii.gz"}
    assert set(high.labels.names) == {1, 2, 4}
    assert not high.problems


def test_cases_of_2023_have_patients_with_several_examinations(brats):
    config = brats("brats2023", "BraTS-GLI-00005-000", "BraTS-GLI-00005-001", "BraTS-GLI-00007-000")
    entries = list_brats2023(config).entries
    assert [one.id for one in entries] == [f"BraTS-GLI-{n}" for n in ("00005-000", "00005-001", "00007-000")]
    assert [one.patient for one in entries] == ["BraTS-GLI-00005"] * 2 + ["BraTS-GLI-00007"]
    assert {one.center for one in entries} == {"GLI"}
    assert set(entries[0].images) == set(MODALITIES)
    assert set(entries[0].labels.names) == {1, 2, 3}


@pytest.mark.parametrize(
    ("release", "case"),
    [("brats2018", "HGG/Brats18_2013_10_1"), ("brats2023", "BraTS-GLI-00000-000")],
)
def test_names_of_sequences_are_those_of_the_configuration(brats, release, case):
    config = brats(release, case, modalities=["flair", "T1n", "T1CE", "T2W"])
    (subject,) = load_cohort(config, NOWHERE).subjects
    assert set(subject.images) == {"flair", "T1n", "T1CE", "T2W"}


@pytest.mark.parametrize("above", ["", "MICCAI_BraTS_2018_Data_Training/"])
def test_the_archive_s_own_folder_may_be_the_root_or_lie_in_it(brats, above):
    config = brats("brats2018", f"{above}HGG/Brats18_CBICA_AAB_1", f"{above}LGG/Brats18_2013_0_1")
    assert {one.center for one in list_brats2018(config).entries} == {"CBICA", "2013"}


def test_institutions_are_split_as_centers(brats):
    cases = [f"HGG/Brats18_{center}_{n}_1" for center in ("CBICA", "TCIA01") for n in ("AAB", "AAC", "AAG")]
    config = brats("brats2018", *cases)
    cohort = load_cohort(config.model_copy(update={"unseen": ("TCIA01",)}), NOWHERE)
    splits = split_cohort(cohort, config.model_copy(update={"unseen": ("TCIA01",)}))
    assert {cohort[key].center for key in splits.unseen} == {"TCIA01"}
    assert len(splits.unseen) == 3


def test_cases_for_validation_are_listed_without_a_mask(brats):
    (entry,) = list_brats2018(brats("brats2018", "Brats18_UAB_3446_1", seg=False)).entries
    assert not entry.masks
    assert not entry.problems


def test_a_table_tells_the_centers_of_2023(brats, tmp_path):
    table = tmp_path / "centers.csv"
    table.write_text("case,center\nBraTS-GLI-00000-000,Bern\nBraTS-GLI-00001-000,Nice\n")
    config = brats("brats2023", "BraTS-GLI-00000-000", "BraTS-GLI-00001-000", table=table)
    told = [(one.center, one.patient) for one in list_brats2023(config).entries]
    assert told == [("Bern", "BraTS-GLI-00000"), ("Nice", "BraTS-GLI-00001")]


def test_a_case_that_the_table_lacks_is_a_problem(brats, tmp_path):
    table = tmp_path / "centers.csv"
    table.write_text("case,center\nBraTS-GLI-00000-000,Bern\nBraTS-GLI-0001-000,Bern\n")
    config = brats("brats2023", "BraTS-GLI-00000-000", "BraTS-GLI-00001-000", table=table)
    with pytest.raises(CohortError, match=r"BraTS-GLI-00001-000.*has no row.*correct BraTS-GLI-0001-000"):
        load_cohort(config, NOWHERE)


def test_a_setting_names_the_only_center(brats):
    (entry,) = list_brats2023(brats("brats2023", "BraTS-SSA-00002-000", center="Lagos")).entries
    assert entry.center == "Lagos"


@pytest.mark.parametrize(
    ("release", "there", "message"),
    [
        ("brats2018", "BraTS-GLI-00000-000", r"holds cases of BraTS 2023 .*; read it with cohort=brats2023"),
        ("brats2023", "Brats18_CBICA_AAB_1", r"holds cases of BraTS 2018 .*; read it with cohort=brats2018"),
        ("brats2018", "BraTS20_Training_001", r"cases of another year \(BraTS20_Training_001\).*manifest"),
        ("brats2023", "sub-01", r"no case of BraTS 2023 \(BraTS-GLI-00000-000 or the like\).*unpacked"),
    ],
)
def test_a_wrong_folder_is_explained(brats, tmp_path, nifti, release, there, message):
    config = brats(release)
    nifti(tmp_path / there / f"{there}_flair.nii.gz")
    with pytest.raises(CohortError, match=rf"cohort\.{release}\.root: .*{message}"):
        load_cohort(config, NOWHERE)


def test_the_folder_of_one_case_is_no_root(brats, tmp_path):
    case = "HGG/Brats18_CBICA_AAB_1"
    with pytest.raises(
        CohortError, match=r"holds files .*but no folder for each case; give the folder above"
    ):
        load_cohort(brats("brats2018", case, root=tmp_path / case), NOWHERE)


def test_a_case_of_another_release_among_the_others_is_a_problem(brats, tmp_path, nifti):
    config = brats("brats2018", "HGG/Brats18_CBICA_AAB_1")
    nifti(tmp_path / "HGG/BraTS-GLI-00000-000/BraTS-GLI-00000-000-t1c.nii.gz")
    with pytest.raises(CohortError, match=r"BraTS-GLI-00000-000: .*not one of BraTS 2018; move it away"):
        load_cohort(config, NOWHERE)


def test_a_file_of_another_case_is_a_problem(brats, tmp_path, nifti):
    config = brats("brats2018", "HGG/Brats18_CBICA_AAB_1")
    nifti(tmp_path / "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAG_1_t1.nii.gz")
    with pytest.raises(CohortError, match=r"AAG_1_t1.*file of another case"):
        load_cohort(config, NOWHERE)


def test_an_image_that_is_missing_is_remarked_on(brats, tmp_path):
    config = brats("brats2018", "HGG/Brats18_CBICA_AAB_1", "HGG/Brats18_CBICA_AAG_1")
    (tmp_path / "HGG/Brats18_CBICA_AAB_1/Brats18_CBICA_AAB_1_t1ce.nii.gz").unlink()
    listing = list_brats2018(config)
    assert [set(one.images) for one in listing.entries] == [set(MODALITIES) - {"T1c"}, set(MODALITIES)]
    assert [str(one).partition(";")[0] for one in listing.remarks] == ["BraTS 2018: 1 case of 2 without t1ce"]


def test_an_image_that_lies_there_packed_and_unpacked_is_a_problem(brats, tmp_path):
    config = brats("brats2023", "BraTS-GLI-00000-000")
    image = tmp_path / "BraTS-GLI-00000-000/BraTS-GLI-00000-000-t1c.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)), image.with_suffix(""))
    with pytest.raises(CohortError, match=r"2 files for t1c .*leave one of them there"):
        load_cohort(config, NOWHERE)
