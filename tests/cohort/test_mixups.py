"""Centers, patients and subjects that may have been mixed up."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cohort import load_cohort
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def listed(tmp_path, nifti, configure):
    """Writes rows (subject, patient, center) as a manifest with their files."""

    def write(*rows, **cohort):
        lines = ["subject,patient,center,DWI"]
        for number, row in enumerate(rows):
            nifti(tmp_path / f"{number}.nii")
            lines.append(",".join([*row, f"{number}.nii"]))
        path = tmp_path / "cohort.csv"
        path.write_text("\n".join(lines) + "\n")
        return configure(sources="manifest", path=path, **cohort)

    return write


def told(config):
    with pytest.raises(CohortError) as error:
        load_cohort(config, NOWHERE)
    return [str(problem) for problem in error.value.problems]


BORDEAUX = (("s1", "anna", "CHU Bordeaux"), ("s2", "bert", "CHU Bordeaux"), ("s3", "carl", "CHU bordeaux"))


def test_a_center_spelt_in_two_ways_is_refused_so_that_nobody_trains_on_the_unseen_one(listed):
    assert told(listed(*BORDEAUX, ("s4", "dora", "Nice"), unseen="CHU Bordeaux")) == [
        "cohort.names: the centers 'CHU Bordeaux' (2 subjects) and 'CHU bordeaux' (1 subject) differ only in case; "
        "write them alike, or set cohort.names=trust if they are different"
    ]


def test_skipping_faulty_subjects_does_not_skip_the_names(listed):
    assert len(told(listed(*BORDEAUX, on_error="skip"))) == 1


def test_names_said_to_be_different_are_taken_with_a_remark_that_names_centers_alone(listed):
    rows = (*BORDEAUX, ("s4", "Dora", "Nice"), ("s5", "dora", "Nice"), ("s6", "anna", "Nice"))
    cohort = load_cohort(listed(*rows, names="trust"), NOWHERE)
    assert len(cohort.subjects) == 6
    assert [str(remark) for remark in cohort.remarks] == [
        "cohort.names=trust: what may be mixed up is taken as it is: centers 1, patients 1, patients at two centers 1 "
        "(the centers 'CHU Bordeaux' (2 subjects) and 'CHU bordeaux' (1 subject) differ only in case)"
    ]


def test_patients_with_names_that_are_alike_are_refused_also_across_centers(listed):
    rows = (
        ("s1", "Müller", "Lyon"),
        ("s2", "Muller", "Nice"),
        ("s3", "Schmidt", "Nice"),
        ("s4", "Schmitt", "Nice"),
    )
    assert [line.partition(" differ ")[0] for line in told(listed(*rows))] == [
        "cohort.names: the patients 'Muller' and 'Müller'",
        "cohort.names: the patients 'Schmidt' and 'Schmitt'",
    ]


def test_running_numbers_are_compared_at_one_center_only(listed):
    rows = (("s1", "P7", "Lyon"), ("s2", "P007", "Nice"), ("s3", "p07", "Nice"))
    assert told(listed(*rows)) == [
        "cohort.names: the patients 'P007' and 'p07' differ only in case and leading zeros; write them alike, or set "
        "cohort.names=trust if they are different"
    ]
    assert len(load_cohort(listed(*rows[:2]), NOWHERE).subjects) == 2


def test_subjects_with_names_that_are_alike_are_refused_unless_they_are_one_patient(listed):
    rows = (("Scan-A7", "anna", "Lyon"), ("scan a7", "anna", "Lyon"), ("scan_a7", "bert", "Nice"))
    assert len(load_cohort(listed(*rows), NOWHERE).subjects) == 3
    assert told(listed(*rows, ("SCAN-A7", "carl", "Lyon"))) == [
        "cohort.names: the subjects 'SCAN-A7', 'Scan-A7' and 'scan a7' differ only in case and spaces or punctuation; "
        "write them alike, or set cohort.names=trust if they are different"
    ]


def test_a_patient_at_two_centers_is_refused_with_the_scans(listed):
    rows = (("s1", "anna", "Lyon"), ("s2", "anna", "Nice"), ("s3", "7", "Lyon"), ("s4", "7", "Nice"))
    (line,) = told(listed(*rows))
    assert line.startswith(
        "cohort.names: patient 'anna' is at Lyon (s1) and Nice (s2); correct the center; or"
    )
    assert line.endswith("set cohort.names=trust if one person was scanned at both")


def test_without_a_column_for_patients_equal_subjects_at_two_centers_are_told_but_not_running_numbers(listed):
    assert len(load_cohort(listed(("s1", "", "Lyon"), ("s1", "", "Nice")), NOWHERE).subjects) == 2
    (line,) = told(listed(("case-anna", "", "Lyon"), ("case-anna", "", "Nice")))
    assert "patient 'case-anna' is at Lyon (case-anna) and Nice (case-anna)" in line


def test_pseudonymous_patients_are_not_named(listed, tmp_path):
    rows = (
        ("s1", "Schmidt", "Lyon"),
        ("s2", "Schmitt", "Lyon"),
        ("s3", "Weber", "Lyon"),
        ("s4", "Weber", "Nice"),
    )
    lines = told(listed(*rows, pseudonymise=True, pseudonym_key=tmp_path / "key"))
    assert len(lines) == 2
    assert not any(name in line for name in ("Schmi", "Weber", "s1", "s3") for line in lines)
    assert lines[0].startswith("cohort.names: the names of the patients of Lyon-")
    assert lines[1].startswith("cohort.names: a patient is at Lyon (Lyon-")


def test_not_more_are_told_than_one_reads(listed):
    words = (
        "alpha",
        "bravo",
        "charlie",
        "delta",
        "echoes",
        "foxtrot",
        "golf",
        "hotel",
        "india",
        "juliet",
        "kilo",
    )
    rows = [(f"s{number}", word, "A") for number, word in enumerate((*words, *map(str.upper, words)))]
    lines = told(listed(*rows))
    assert len(lines) == 11
    assert "there are more: patients 1" in lines[-1]
