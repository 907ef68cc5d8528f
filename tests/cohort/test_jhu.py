"""The stroke data of Johns Hopkins."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cohort import load_cohort
from study.cohort.jhu import list_jhu
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here
NAME = "sub-0ab4fbd5"


@pytest.fixture
def jhu(tmp_path, nifti, configure):
    """Writes a subject; returns the configuration."""

    def write(
        folder=NAME, endings=("DWI_space-orig", "ADC_space-orig", "desc-stroke_mask", "desc-brain_mask")
    ):
        for ending in endings:
            nifti(tmp_path / folder / f"{NAME}_{ending}.nii.gz")
        return configure(sources=["jhu"], jhu={"root": tmp_path})

    return write


@pytest.mark.parametrize("part", ["", "MRI-DS-1-48/"])
def test_a_subject_has_its_images_and_masks(jhu, tmp_path, part):
    (entry,) = list_jhu(jhu(f"{part}{NAME}")).entries
    assert (entry.id, entry.patient, entry.center) == (NAME, NAME, "JHU")
    folder = tmp_path / part / NAME
    assert entry.images == {name: folder / f"{NAME}_{name}_space-orig.nii.gz" for name in ("DWI", "ADC")}
    assert entry.masks == {
        "lesion": folder / f"{NAME}_desc-stroke_mask.nii.gz",
        "brain": folder / f"{NAME}_desc-brain_mask.nii.gz",
    }


def test_images_and_masks_in_standard_space_are_not_read(jhu, nifti, tmp_path):
    config = jhu()
    for ending in ("DWI_space-MNI152", "space-MNI152_desc-stroke_mask"):
        nifti(tmp_path / NAME / f"{NAME}_{ending}.nii.gz")
    (entry,) = list_jhu(config).entries
    assert entry.images["DWI"].name == f"{NAME}_DWI_space-orig.nii.gz"
    assert not entry.problems


def test_a_file_of_another_subject_is_a_problem(jhu, nifti, tmp_path):
    config = jhu()
    nifti(tmp_path / NAME / "sub-11111111_ADC_space-orig.nii.gz")
    with pytest.raises(CohortError, match=r"sub-11111111_ADC.*file of another subject"):
        load_cohort(config, NOWHERE)


def test_a_data_set_with_other_names_is_refused(jhu):
    config = jhu(endings=("ses-1_dwi",))
    with pytest.raises(CohortError, match=r"no sub-0ab4fbd5_DWI_space-orig.*cohort=bids"):
        load_cohort(config, NOWHERE)


def test_a_folder_without_subjects_is_refused(tmp_path, configure):
    with pytest.raises(CohortError, match=r"cohort\.jhu\.root: .*no folder sub-.*give the folder"):
        load_cohort(configure(sources=["jhu"], jhu={"root": tmp_path}), NOWHERE)
