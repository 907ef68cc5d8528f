"""Cohorts of one or several sources: keys, problems, skipping."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from installing import installed

from study.cohort import load_cohort, plan_cohort
from study.cohort.load import key_prefix
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def listing(tmp_path, nifti, configure):
    """Writes rows (subject, center, DWI) as a manifest, and their files unless told not to."""

    def write(rows, files=True, **cohort):
        path = tmp_path / "cohort.csv"
        path.write_text("subject,center,DWI\n" + "".join(",".join(row) + "\n" for row in rows))
        for _, _, name in rows if files else ():
            if name:
                nifti(tmp_path / name)
        return configure(sources=["manifest"], path=path, **cohort)

    return write


def test_keys_number_the_subjects_of_each_center_by_id(listing):
    rows = [("s2", "B", "a.nii"), ("s10", "A", "b.nii"), ("s1", "B", "c.nii"), ("s0", "A", "d.nii")]
    cohort = load_cohort(listing(rows), NOWHERE)
    assert [(subject.id, subject.key) for subject in cohort.subjects] == [
        ("s0", "A-0001"),
        ("s10", "A-0002"),
        ("s1", "B-0001"),
        ("s2", "B-0002"),
    ]
    assert cohort.centers == ("A", "B")
    assert cohort["B-0001"].id == "s1"


def test_order_of_rows_changes_nothing(listing):
    rows = [(f"s{number}", f"C{number % 3}", f"{number}.nii") for number in range(12)]
    first = load_cohort(listing(rows), NOWHERE)
    random.Random(0).shuffle(rows)
    assert load_cohort(listing(rows), NOWHERE) == first


@pytest.mark.parametrize(
    ("center", "prefix"),
    [("CHSF", "CHSF"), ("St. Mary's / Köln", "St_Mary_s_Koln"), ("北京", "center"), ("../x", "x")],
)
def test_key_prefix_is_safe_in_file_names(center, prefix):
    assert key_prefix(center) == prefix


def test_keys_of_centers_with_like_names_differ_even_where_case_is_ignored(listing):
    rows = [("s", "A b", "1.nii"), ("s", "A-b", "2.nii"), ("s", "a_B", "3.nii")]
    keys = [subject.key.lower() for subject in load_cohort(listing(rows, names="trust"), NOWHERE).subjects]
    assert len(set(keys)) == 3


def test_missing_file_is_told_with_subject_file_and_remedy(tmp_path, listing):
    with pytest.raises(CohortError) as error:
        load_cohort(listing([("s1", "A", "d.nii"), ("s2", "A", "e.nii")], files=False), NOWHERE)
    assert [problem.subject for problem in error.value.problems] == ["s1", "s2"]
    assert error.value.problems[0].file == tmp_path / "d.nii"
    assert error.value.problems[0].what == "the DWI file is missing"
    assert "on_error=skip" in error.value.problems[0].remedy


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda path: path.write_bytes(b""), "the DWI file is empty"),
        (lambda path: (path.unlink(), path.mkdir()), "the DWI is a folder, not a file"),
        (
            lambda path: (path.unlink(), path.symlink_to("nowhere")),
            "the DWI file is a link to a file that does not exist",
        ),
    ],
)
def test_file_that_cannot_be_a_scan_is_told(tmp_path, listing, spoil, what):
    config = listing([("s1", "A", "d.nii"), ("s2", "A", "e.nii")])
    spoil(tmp_path / "d.nii")
    with pytest.raises(CohortError) as error:
        load_cohort(config, NOWHERE)
    assert [(problem.subject, problem.what) for problem in error.value.problems] == [("s1", what)]


def test_file_without_read_permission_is_told(tmp_path, listing, monkeypatch):
    config = listing([("s1", "A", "d.nii")])
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read every file
    with pytest.raises(CohortError, match="no permission to read the DWI file; allow it"):
        load_cohort(config, NOWHERE)


def test_folder_without_permission_is_told(tmp_path, configure, monkeypatch):
    def refuse(config):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("study.cohort.load.find_part", lambda kind, name: refuse)
    with pytest.raises(
        CohortError, match=rf"cohort.isles2022: {tmp_path}: cannot be listed \(Permission denied\)"
    ):
        load_cohort(configure(sources=["isles2022"], isles2022={"root": tmp_path}), NOWHERE)


def test_subject_without_any_modality_is_told_with_what_it_has(tmp_path, nifti, configure):
    (tmp_path / "m.csv").write_text("subject,center,DWI,T1\ns1,A,d.nii,\ns2,A,,t.nii\ns3,A,,\n")
    nifti(tmp_path / "d.nii")
    with pytest.raises(CohortError) as error:
        load_cohort(configure(sources=["manifest"], path=tmp_path / "m.csv"), NOWHERE)
    assert [(problem.subject, problem.what) for problem in error.value.problems] == [
        ("s2", "has none of cohort.modalities (DWI, ADC); it has T1"),
        ("s3", "has none of cohort.modalities (DWI, ADC); it has no image at all"),
    ]


def test_subject_listed_twice_at_a_center_is_told_and_at_two_centers_is_fine(listing):
    rows = [("s1", "A", "a.nii"), ("s1", "B", "b.nii"), ("s1", "A", "c.nii")]
    with pytest.raises(CohortError) as error:
        load_cohort(listing(rows), NOWHERE)
    assert {problem.what for problem in error.value.problems} == {"subject is listed 2 times at center A"}
    assert len(load_cohort(listing(rows[:2]), NOWHERE).subjects) == 2


def test_one_scan_under_two_names_is_told(tmp_path, listing):
    config = listing([("s1", "A", "a.nii"), ("s2", "A", "b.nii")])
    (tmp_path / "b.nii").unlink()
    (tmp_path / "b.nii").symlink_to(tmp_path / "a.nii")
    with pytest.raises(CohortError) as error:
        load_cohort(config, NOWHERE)
    assert [(problem.subject, problem.what) for problem in error.value.problems] == [
        ("s1", "the DWI file is also given as DWI of s2"),
        ("s2", "the DWI file is also given as DWI of s1"),
    ]


def test_one_brain_mask_for_several_subjects_is_fine(tmp_path, nifti, configure):
    (tmp_path / "m.csv").write_text("subject,center,DWI,brain\ns1,A,d.nii,b.nii\ns2,A,e.nii,b.nii\n")
    for name in "bde":
        nifti(tmp_path / f"{name}.nii")
    assert len(load_cohort(configure(sources=["manifest"], path=tmp_path / "m.csv"), NOWHERE).subjects) == 2


def test_skipping_leaves_such_subjects_out_counts_them_and_keeps_the_others_keys(tmp_path, listing):
    rows = [("s1", "A", "a.nii"), ("s2", "A", "b.nii"), ("s3", "A", "c.nii")]
    whole = load_cohort(listing(rows), NOWHERE)
    (tmp_path / "b.nii").unlink()
    config = listing([], on_error="skip")
    (tmp_path / "cohort.csv").write_text(
        "subject,center,DWI\n" + "".join(",".join(row) + "\n" for row in rows)
    )
    cohort = load_cohort(config, NOWHERE)
    assert cohort.subjects == (whole.subjects[0], whole.subjects[2])
    assert cohort.skipped == 1
    assert [problem.subject for problem in cohort.problems] == ["s2"]


def test_skipping_everybody_is_an_error(listing):
    with pytest.raises(CohortError, match="no subject is left"):
        load_cohort(listing([("s1", "A", "a.nii")], files=False, on_error="skip"), NOWHERE)


def test_all_sources_are_joined_and_their_failures_told_together(tmp_path, nifti, listing, configure):
    listing([("s1", "A", "a.nii")])
    nifti(tmp_path / "isles/sub-1/ses-0001/dwi/sub-1_ses-0001_dwi.nii.gz")
    both = {"sources": ["manifest", "isles2022"], "path": tmp_path / "cohort.csv"}
    cohort = load_cohort(configure(**both, isles2022={"root": tmp_path / "isles"}), NOWHERE)
    assert cohort.centers == ("A", "ISLES2022")
    both["path"] = tmp_path / "absent.csv"
    with pytest.raises(CohortError) as error:
        load_cohort(configure(**both, isles2022={"root": tmp_path / "none"}), NOWHERE)
    assert len(error.value.problems) == 2


def test_plan_lists_phantoms_without_simulating_them(tmp_path, configure):
    cohort = plan_cohort(configure(sources=["phantom"], unseen=["ISLES"]), tmp_path / "phantoms")
    assert {"CHSF", "ISLES"} <= set(cohort.centers)
    assert cohort.subjects[0].images["DWI"].is_relative_to(tmp_path / "phantoms")
    assert not (tmp_path / "phantoms").exists()


def test_plan_tells_missing_files_of_other_sources(listing):
    with pytest.raises(CohortError, match="the DWI file is missing"):
        plan_cohort(listing([("s1", "A", "a.nii")], files=False), NOWHERE)


def test_paths_are_absolute_so_that_a_study_can_be_resumed_from_elsewhere(listing, tmp_path, monkeypatch):
    config = listing([("s1", "A", "a.nii")])
    monkeypatch.chdir(tmp_path)
    relative = config.model_copy(update={"path": Path("cohort.csv")})
    assert load_cohort(relative, NOWHERE) == load_cohort(config, NOWHERE)


SHELF = """
from dataclasses import dataclass
from pathlib import Path

from study.cohort import Entry, Listing
from study.config.parts import Part

@dataclass(frozen=True)
class Shelf:
    folder: str

def list_shelf(cohort):
    files = sorted(Path(cohort.settings.shelf.folder).glob("*.nii"))
    return Listing(tuple(Entry(path.stem, path.stem, "Shelf", {"DWI": path}, {}) for path in files))

SHELF = Part(list_shelf, Shelf)
"""


def test_a_reader_of_an_installed_package_is_found_with_its_own_settings(tmp_path, nifti, configure):
    nifti(tmp_path / "scans" / "s1.nii")
    with installed(tmp_path, "shelves", SHELF, {"fadeout.readers": {"shelf": "SHELF"}}):
        settings = configure(sources=["shelf"], settings={"shelf": {"folder": str(tmp_path / "scans")}})
        cohort = load_cohort(settings, NOWHERE)
    assert [(one.key, one.images["DWI"].name) for one in cohort.subjects] == [("Shelf-0001", "s1.nii")]
