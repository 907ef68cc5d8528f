"""Which center, and which patient, a case of nnU-Net is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.cohort.case_origins import Origin, find_origins
from study.cohort.load import load_cohort
from study.config.sources import NnunetRaw
from study.errors import CohortError, ConfigError

CASES = ["BERN_001_a", "BERN_001_b", "NICE_001_a", "NICE_002_a"]
PATTERN = "(?P<center>[A-Z]+)_(?P<patient>[0-9]+).*"
NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def table(tmp_path):
    """Settings with this text as the table."""

    def write(text: str) -> NnunetRaw:
        path = tmp_path / "centers.csv"
        path.write_text(text)
        return NnunetRaw(table=path)

    return write


def told(settings: NnunetRaw, cases=CASES) -> dict[str, tuple[str, str]]:
    found = find_origins(settings, cases).of
    assert not [one.problems for one in found.values() if one.problems]
    return {case: (one.center, one.patient) for case, one in found.items()}


def test_without_a_setting_all_cases_are_of_one_center():
    assert set(told(NnunetRaw(center="Bern")).values()) == {("Bern", case) for case in CASES}


def test_the_prefix_is_what_is_before_the_first_underscore():
    assert told(NnunetRaw(centers="prefix"))["NICE_001_a"] == ("NICE", "NICE_001_a")


def test_a_pattern_tells_center_and_patient():
    found = told(NnunetRaw(centers=PATTERN))
    assert [found[case] for case in CASES] == [
        ("BERN", "001"),
        ("BERN", "001"),
        ("NICE", "001"),
        ("NICE", "002"),
    ]


def test_a_single_group_without_a_name_is_the_center():
    assert told(NnunetRaw(centers="([A-Z]+)_.*"))["BERN_001_b"] == ("BERN", "BERN_001_b")


@pytest.mark.parametrize(
    ("pattern", "case", "hint"),
    [
        ("(?P<center>[A-Z]+)_[0-9]+_a", "BERN_001_a_2", r"end the pattern with \.\*"),
        (PATTERN, "bern_003", r"begin the pattern with \(\?i\)"),
        (PATTERN, "stroke-12", r"give a table \(cohort\.nnunet\.table\)"),
        ("prefix", "BERN003", "a name needs a '_' behind its center"),
    ],
)
def test_a_case_that_the_pattern_does_not_match_is_a_problem_of_its_own(pattern, case, hint):
    found = find_origins(NnunetRaw(centers=pattern), ["BERN_001_a", case]).of
    assert found["BERN_001_a"].center == "BERN"
    (problem,) = found[case].problems
    assert problem.subject == case
    with pytest.raises(CohortError, match=rf"it matches BERN_001_a; .*{hint}"):
        raise CohortError([problem])


def test_a_pattern_that_matches_no_case_is_refused_once():
    with pytest.raises(
        CohortError, match=r"cohort\.nnunet\.centers: .*matches none of 4 cases, such as BERN_001_a"
    ):
        find_origins(NnunetRaw(centers="([0-9]+)_.*"), CASES)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("([A-Z+_.*", "unterminated character set at character 2"),
        ("prefx", r"must have a group \(\?P<center>…\), got 'prefx'; did you mean prefix\?"),
        ("([A-Z]+)_([0-9]+)", r"must have a group \(\?P<center>…\)"),
        ("(?P<centre>[A-Z]+)_.*", "got centre in .*; did you mean center?"),
        ("(?P<patient>[A-Z]+)_.*", r"must have a group \(\?P<center>…\)"),
    ],
)
def test_a_wrong_pattern_is_refused_before_any_file_is_read(configure, pattern, message):
    with pytest.raises(ConfigError, match=message):
        configure(sources=["nnunet"], nnunet={"root": "/nowhere", "centers": pattern})


def test_centers_are_told_in_one_way(configure):
    with pytest.raises(ConfigError, match="center and centers each tell the centers of cases; keep one"):
        configure(sources=["nnunet"], nnunet={"root": "/nowhere", "centers": "prefix", "center": "Bern"})


def test_a_table_tells_center_and_patient_whatever_the_case_of_its_columns(table):
    settings = table("Case ID;CENTER;Patient\nx1;Bern;anna\nx2;Nice;\n")
    assert told(settings, ["x1", "x2"]) == {"x1": ("Bern", "anna"), "x2": ("Nice", "x2")}


def test_a_case_without_a_row_is_told_with_the_nearest_one(table):
    found = find_origins(table("case,center\nx_001,Bern\ny_02,Nice\n"), ["x_001", "y_002"])
    assert found.of["x_001"] == Origin("Bern", "x_001")
    (problem,) = found.of["y_002"].problems
    assert (problem.what, problem.remedy.partition(",")[2]) == (
        "has no row",
        " or correct y_02 if it is that, or leave the subject out with cohort.on_error=skip",
    )
    assert "cases that the data set does not have: 1 (y_02)" in (one.what for one in found.remarks)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ("x,Bern\nx,Nice", "is in line 2 and line 3"),
        ("x,", "line 2 has no center"),
        ("x,NA", "line 2 has no center"),
        ("x,1.2E+11", "line 2: the center is a number that a spreadsheet has rounded"),
    ],
)
def test_a_row_that_does_not_tell_the_center_is_a_problem_of_its_case(table, rows, what):
    (problem,) = find_origins(table(f"case,center\n{rows}\n"), ["x"]).of["x"].problems
    assert problem.what == what


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,site\nx,Bern\n", "no column 'center'; there are case, site; rename 'site' to center"),
        ("file,center\nx,Bern\n", "no column 'case'"),
        ("case,center\nx_0000.nii.gz,Bern\n", r"none of its cases \(x_0000\.nii\.gz, …\) is in the data set"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(table, text, message):
    with pytest.raises(CohortError, match=message):
        find_origins(table(text), ["x"])


@pytest.mark.parametrize(
    ("cases", "remark"),
    [
        (["stroke_1", "stroke_2"], "all cases are of one center, stroke"),
        (["a_1", "b_1", "c_1"], "each of 3 centers has a single patient"),
    ],
)
def test_centers_that_are_hardly_meant_are_remarked_on(cases, remark):
    (found,) = find_origins(NnunetRaw(centers="prefix"), cases).remarks
    assert found.what == remark


def test_a_case_without_a_center_is_left_out_if_the_user_says_so(tmp_path, nifti, configure):
    for case in ("BERN_1", "NICE_1", "NICE_2", "odd"):
        nifti(tmp_path / f"imagesTr/{case}_0000.nii.gz")
    (tmp_path / "dataset.json").write_text('{"channel_names": {"0": "DWI"}, "labels": {}}')
    settings = {"sources": ["nnunet"], "nnunet": {"root": tmp_path, "centers": "prefix"}}
    with pytest.raises(CohortError, match=r"odd: .*does not match its name"):
        load_cohort(configure(**settings), NOWHERE)
    cohort = load_cohort(configure(**settings, on_error="skip"), NOWHERE)
    assert (cohort.centers, cohort.skipped) == (("BERN", "NICE"), 1)
