"""Manifests of anybody's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.cohort.load import load_cohort
from study.cohort.manifest import list_manifest
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def manifest(tmp_path, configure):
    """Writes a manifest; returns the configuration that reads it."""

    def write(text, name="cohort.csv", **cohort):
        (tmp_path / name).write_text(text)
        return configure(sources=["manifest"], path=tmp_path / name, **cohort)

    return write


def test_paths_are_relative_to_the_manifest_and_empty_cells_are_absent(tmp_path, manifest):
    config = manifest(
        "subject,patient,center,DWI,ADC,lesion,thrombus,brain mask\n"
        "s1,anna,A,scans/s1.nii.gz,,masks/s1.nii.gz,,/elsewhere/b.nii\n"
    )
    (entry,) = list_manifest(config).entries
    assert (entry.id, entry.patient, entry.center) == ("s1", "anna", "A")
    assert entry.images == {"DWI": tmp_path / "scans/s1.nii.gz"}
    assert {name: str(path) for name, path in entry.masks.items()} == {
        "lesion": str(tmp_path / "masks/s1.nii.gz"),
        "brain": "/elsewhere/b.nii",
    }


def test_json_and_csv_manifests_are_the_same(tmp_path, manifest):
    rows = [{"subject": "s1", "center": "A", "DWI": "d.nii.gz", "lesion": "l.nii.gz"}]
    from_json = list_manifest(manifest(json.dumps(rows), name="cohort.json")).entries
    assert from_json == list_manifest(manifest("subject,center,DWI,lesion\ns1,A,d.nii.gz,l.nii.gz\n")).entries


@pytest.mark.parametrize("column", ["brain", "brain_mask", "brain mask", "Brain Mask"])
def test_brain_mask_goes_by_several_names(manifest, column):
    (entry,) = list_manifest(manifest(f"Subject,CENTER,dwi,{column}\ns1,A,d.nii.gz,b.nii.gz\n")).entries
    assert set(entry.images) == {"DWI"}
    assert set(entry.masks) == {"brain"}


def test_subject_without_patient_is_a_patient_of_their_own(manifest):
    entries = list_manifest(manifest("subject,patient,center,DWI\ns1,,A,d.nii\ns2,p,A,e.nii\n")).entries
    assert [entry.patient for entry in entries] == ["s1", "p"]


def test_modality_that_the_study_does_not_use_stays_listed_and_is_remarked_upon(manifest):
    listing = list_manifest(manifest("subject,center,DWI,T1w\ns1,A,d.nii,t.nii\n"))
    assert [set(entry.images) for entry in listing.entries] == [{"DWI", "T1w"}]
    assert [str(remark) for remark in listing.remarks] == [
        "cohort.csv: columns with scans that are not used: T1w; name in cohort.modalities what the network should see"
    ]


def test_columns_of_anything_else_are_ignored_with_a_remark(manifest):
    listing = list_manifest(manifest("age,subject,center,DWI,Sex\n63,s1,A,d.nii,f\n"))
    assert [set(entry.images) for entry in listing.entries] == [{"DWI"}]
    assert [str(remark) for remark in listing.remarks] == ["cohort.csv: columns that are not used: age, Sex"]


def test_a_line_names_not_too_many_columns(manifest):
    more = ",".join(f"score{number}" for number in range(40))
    (remark,) = list_manifest(manifest(f"subject,center,DWI,{more}\ns1,A,d.nii{',1' * 40}\n")).remarks
    assert remark.what.endswith("score10, score11 and 28 more")


def test_case_accents_and_punctuation_of_column_names_do_not_matter(manifest):
    listing = list_manifest(manifest("SUBJECT,Patient,Cénter,dwi,Lesion-Mask\ns1,anna,A,d.nii,l.nii\n"))
    (entry,) = listing.entries
    assert (entry.id, entry.patient, entry.center) == ("s1", "anna", "A")
    assert (set(entry.images), set(entry.masks)) == ({"DWI"}, {"lesion"})
    assert not listing.remarks


@pytest.mark.parametrize("cell", ["NA", "nan", "None", "-", "#N/A"])
def test_words_that_programs_write_for_an_empty_cell_are_no_files(manifest, cell):
    (entry,) = list_manifest(manifest(f"subject,center,DWI,ADC\ns1,A,d.nii,{cell}\n")).entries
    assert set(entry.images) == {"DWI"}


def test_absent_file_of_an_unused_modality_does_no_harm(tmp_path, nifti, manifest):
    nifti(tmp_path / "d.nii")
    (subject,) = load_cohort(manifest("subject,center,DWI,T1w\ns1,A,d.nii,absent.nii\n"), NOWHERE).subjects
    assert subject.id == "s1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,center,DWI\ns1,A,d.nii\n",
            "no column 'subject'; there are id, center, DWI; rename 'id' to subject if it is that",
        ),
        ("patient,center,DWI\np1,A,d.nii\n", "no column 'subject'; .*rename 'patient' to subject"),
        ("subject,DWI\ns1,d.nii\n", "no column 'center'; there are subject, DWI; add it"),
        *(
            (
                f"subject,{column},DWI\ns1,A,d.nii\n",
                f"no column 'center'; .*rename '{column}' to center if it is that",
            )
            for column in (
                "site",
                "Hopital",
                "Hôpital",
                "hospital",
                "Zentrum",
                "centre",
                "centers",
                "center_of_scan",
            )
        ),
        (
            "subject,center,patient_id,DWI\ns1,A,p,d.nii\n",
            "no column 'patient', but 'patient_id'; rename it to patient",
        ),
        (
            "subject,center,patiant,DWI\ns1,A,p,d.nii\n",
            "no column 'patient', but 'patiant'; rename it to patient",
        ),
        ("subject,center,controls,DWI\ns1,A,no,d.nii\n", "no column 'control', but 'controls'"),
        (
            "subject,center,DWI,Mask\ns1,A,d.nii,m.nii\n",
            r"no column 'lesion', which holds the reference \(cohort.target\), but 'Mask'; rename it to lesion",
        ),
        (
            "subject,center,DWI,lesion_expert\ns1,A,d.nii,m.nii\n",
            "no column 'lesion', .* but 'lesion_expert'",
        ),
        ("subject,center,T1\ns1,A,t.nii\n", r"no column for any of cohort.modalities \(DWI, ADC\)"),
        (
            "subject,center,b1000_DWI\ns1,A,t.nii\n",
            "no column for any .*rename 'b1000_DWI' to DWI if it is that",
        ),
        ("subject,center,DWI,dwi\ns1,A,d.nii,e.nii\n", "columns DWI, dwi all mean DWI"),
        ("subject,center,DWI,brain,brain mask\ns1,A,d.nii,,\n", "columns brain, brain mask all mean brain"),
        ("subject,center,DWI,DWI\ns1,A,d.nii,e.nii\n", "column 'DWI' appears 2 times"),
    ],
)
def test_manifest_with_wrong_columns_is_refused(manifest, text, message):
    with pytest.raises(CohortError, match=rf"cohort\.csv: .*{message}"):
        load_cohort(manifest(text, on_error="skip"), NOWHERE)


def test_a_column_called_label_without_scans_is_no_mask(manifest):
    assert list_manifest(manifest("subject,center,DWI,label\ns1,A,d.nii,2\n")).entries


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("1.23457E+11,,A", "line 2: the subject is a number that a spreadsheet has rounded"),
        ("s1,#REF!,A", "line 2: the patient is a spreadsheet's error"),
        ("s1,,nan", "line 2: the center is what programs write for an empty cell"),
    ],
)
def test_names_that_programs_have_spoilt_are_told(manifest, row, what):
    (entry,) = list_manifest(manifest(f"subject,patient,center,DWI\n{row},d.nii\n")).entries
    assert [problem.what for problem in entry.problems] == [what]


def test_row_without_subject_or_center_is_told_by_its_line(tmp_path, nifti, manifest):
    text = "subject,center,DWI\ns1,A,d.nii\n,A,e.nii\ns3,,f.nii\n"
    for name in "def":
        nifti(tmp_path / f"{name}.nii")
    with pytest.raises(CohortError) as error:
        load_cohort(manifest(text), NOWHERE)
    assert {problem.what for problem in error.value.problems} == {
        "line 3 has no subject",
        "line 4 has no center",
    }
    cohort = load_cohort(manifest(text, on_error="skip"), NOWHERE)
    assert [subject.id for subject in cohort.subjects] == ["s1"]
    assert cohort.skipped == 2
