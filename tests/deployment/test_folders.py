from __future__ import annotations

from pathlib import Path

import pytest

from study.deployment.folders import find_cases
from study.errors import ConfigError

MODALITIES = ("DWI", "ADC", "B0", "SWI", "WI")


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def _found(folder: Path) -> dict[str, dict[str, str]]:
    return {
        case.name: {name: path.relative_to(folder).as_posix() for name, path in case.images.items()}
        for case in find_cases(folder, MODALITIES, {}).cases
    }


def test_flat_files_belong_to_the_subject_before_the_ending(tmp_path: Path) -> None:
    _touch(
        tmp_path,
        "a_DWI.nii.gz",
        "a_adc.nii",
        "b_1_SWI.nii.gz",
        "b_1_lesion.nii.gz",
        "notes.txt",
        "a_DWI.json",
    )
    assert _found(tmp_path) == {
        "a": {"DWI": "a_DWI.nii.gz", "ADC": "a_adc.nii"},
        "b_1": {"SWI": "b_1_SWI.nii.gz"},
    }


def test_subfolders_are_subjects_at_any_depth(tmp_path: Path) -> None:
    _touch(tmp_path, "s1/DWI.nii.gz", "s1/x_ADC.nii.gz", "s2/ses-1/dwi/sub_dwi.nii.gz", ".hidden/DWI.nii.gz")
    assert _found(tmp_path) == {
        "s1": {"DWI": "s1/DWI.nii.gz", "ADC": "s1/x_ADC.nii.gz"},
        "s2": {"DWI": "s2/ses-1/dwi/sub_dwi.nii.gz"},
    }


def test_a_brain_mask_is_taken_along(tmp_path: Path) -> None:
    _touch(
        tmp_path, "a_DWI.nii.gz", "a_brain_mask.nii.gz", "s/DWI.nii.gz", "s/brain.nii.gz", "only_brain.nii.gz"
    )
    brains = {
        case.name: case.brain and case.brain.name for case in find_cases(tmp_path, MODALITIES, {}).cases
    }
    assert brains == {"a": "a_brain_mask.nii.gz", "s": "brain.nii.gz"}


def test_a_modality_twice_is_a_problem_of_that_subject(tmp_path: Path) -> None:
    _touch(tmp_path, "s1/a_DWI.nii.gz", "s1/b_DWI.nii.gz", "s2/DWI.nii.gz")
    first, second = find_cases(tmp_path, MODALITIES, {}).cases
    assert [problem.what for problem in first.problems] == ["DWI is present twice, also as a_DWI.nii.gz"]
    assert not second.problems


def test_folders_without_a_modality_are_named(tmp_path: Path) -> None:
    _touch(tmp_path, "s1/DWI.nii.gz", "s2/T1.nii.gz", "s3/readme.txt")
    assert find_cases(tmp_path, MODALITIES, {}).ignored == ["s2", "s3"]


def test_nothing_recognised_says_how_files_must_be_named(tmp_path: Path) -> None:
    _touch(tmp_path, "s/T1.nii.gz")
    with pytest.raises(
        ConfigError, match=r"names must end in DWI, ADC, B0, SWI, WI, as subject1_DWI\.nii\.gz"
    ):
        find_cases(tmp_path, MODALITIES, {})
    with pytest.raises(ConfigError, match="there is no folder"):
        find_cases(tmp_path / "none", MODALITIES, {})


def test_a_subject_in_both_layouts_is_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "a_DWI.nii.gz", "a/DWI.nii.gz")
    with pytest.raises(ConfigError, match="both as files and as a folder: a"):
        find_cases(tmp_path, MODALITIES, {})


def test_a_stand_in_is_taken_only_where_its_modality_is_absent(tmp_path: Path) -> None:
    _touch(tmp_path, "a_SWI.nii.gz", "b_swi.nii.gz", "b_SWAN.nii.gz", "c/x_T2S.nii.gz", "c/x_SWI.nii.gz")
    cases = find_cases(tmp_path, ("DWI", "SWAN"), {"SWAN": ("SWI", "T2S")}).cases
    assert {case.name: set(case.images) for case in cases} == {"a": {"SWI"}, "b": {"SWAN"}, "c": {"SWI"}}
    with pytest.raises(ConfigError, match="names must end in DWI, ADC"):
        find_cases(tmp_path, ("DWI", "ADC"), {})


def test_lesion_masks_and_other_modalities_are_taken_along_where_they_are_asked_for(tmp_path: Path) -> None:
    _touch(
        tmp_path,
        *("a_DWI.nii.gz", "a_lesion.nii.gz", "a_FLAIR.nii.gz", "only_lesion.nii.gz", "c_FLAIR.nii.gz"),
        *("s/DWI.nii.gz", "s/anat/lesion_mask.nii.gz", "t/FLAIR.nii.gz"),
        *("u/DWI.nii.gz", "u/lesion.nii.gz", "u/x_lesion_mask.nii.gz"),
    )
    found = find_cases(tmp_path, MODALITIES, {}, ("FLAIR",), lesions=True)
    assert found.ignored == ["t"]
    lesions = {case.name: case.lesion and case.lesion.name for case in found.cases}
    assert lesions == {"a": "a_lesion.nii.gz", "s": "lesion_mask.nii.gz", "u": "lesion.nii.gz"}
    assert set(found.cases[0].images) == {"DWI", "FLAIR"}
    assert [problem.what for problem in found.cases[2].problems] == [
        "lesion is present twice, also as lesion.nii.gz"
    ]
    assert all(case.lesion is None for case in find_cases(tmp_path, MODALITIES, {}).cases)
