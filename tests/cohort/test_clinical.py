"""Occlusions and control scans as tables tell them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.cohort.bids import list_bids
from study.cohort.load import load_cohort
from study.cohort.manifest import list_manifest
from study.errors import CohortError

NOWHERE = Path("/nowhere")  # of phantoms: there are none here


@pytest.fixture
def told(tmp_path, configure):
    """What a table of these rows (occlusion, control) tells, by layout."""

    def csv(rows):
        lines = [f"s{number},A,{number}.nii,{','.join(row)}\n" for number, row in enumerate(rows)]
        (tmp_path / "c.csv").write_text("subject,center,DWI,Occlusion,CONTROL\n" + "".join(lines))
        return list_manifest(configure(sources=["manifest"], path=tmp_path / "c.csv")).entries

    def bids(rows):
        lines = ["participant_id\tcenter\tocclusion\tcontrol\n"]
        for number, row in enumerate(rows):
            (tmp_path / f"sub-{number}").mkdir(exist_ok=True)
            lines.append("\t".join((f"sub-{number}", "A", *row)) + "\n")
        (tmp_path / "participants.tsv").write_text("".join(lines))
        return list_bids(configure(sources=["bids"], bids={"root": tmp_path})).entries

    return {"csv": csv, "bids": bids}


@pytest.mark.parametrize("layout", ["csv", "bids"])
def test_legal_words_are_read_whatever_their_case(told, layout):
    rows = [
        ("proximal", "no"), ("distal", "yes"), ("Proximal", "TRUE"), ("DISTAL", "False"),
        ("", "1"), ("", "0"), ("n/a", "n/a"), ("distal", ""),
    ]  # fmt: skip
    entries = told[layout](rows)
    assert not [problem for entry in entries for problem in entry.problems]
    assert [(entry.occlusion, entry.control) for entry in entries] == [
        ("proximal", False), ("distal", True), ("proximal", True), ("distal", False),
        ("", True), ("", False), ("", False), ("distal", False),
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["csv", "bids"])
def test_other_words_are_told_with_row_and_legal_words(told, layout):
    entries = told[layout]([("proximal", "no"), ("M1", "no"), ("ICA", "perhaps")])
    problems = [str(problem) for entry in entries for problem in entry.problems]
    assert len(problems) == 3
    assert "line 3: occlusion is 'M1'; write proximal or distal, or leave the cell empty" in problems[0]
    assert "line 4: occlusion is 'ICA'; write proximal or distal" in problems[1]
    assert "line 4: control is 'perhaps'; write yes or no (true, false, 1, 0)" in problems[2]


def test_a_wrong_word_stops_the_cohort_or_its_subject_is_skipped(tmp_path, nifti, configure):
    (tmp_path / "c.csv").write_text("subject,center,DWI,occlusion\ns1,A,a.nii,M2\ns2,A,b.nii,distal\n")
    for name in "ab":
        nifti(tmp_path / f"{name}.nii")
    with pytest.raises(CohortError, match=r"s1: .*line 2: occlusion is 'M2'"):
        load_cohort(configure(sources=["manifest"], path=tmp_path / "c.csv"), NOWHERE)
    cohort = load_cohort(configure(sources=["manifest"], path=tmp_path / "c.csv", on_error="skip"), NOWHERE)
    assert [(subject.id, subject.occlusion) for subject in cohort.subjects] == [("s2", "distal")]


def test_json_may_say_true_and_false(tmp_path, configure):
    rows = [
        {"subject": f"s{number}", "center": "A", "DWI": f"{number}.nii", "control": control}
        for number, control in enumerate((True, False, None, 1, "yes"))
    ]
    (tmp_path / "c.json").write_text(json.dumps(rows))
    entries = list_manifest(configure(sources=["manifest"], path=tmp_path / "c.json")).entries
    assert [entry.control for entry in entries] == [True, False, False, True, True]


def test_tables_without_these_columns_tell_nothing(tmp_path, configure):
    (tmp_path / "c.csv").write_text("subject,center,DWI\ns1,A,a.nii\n")
    (entry,) = list_manifest(configure(sources=["manifest"], path=tmp_path / "c.csv")).entries
    assert (entry.occlusion, entry.control, entry.problems) == ("", False, ())
