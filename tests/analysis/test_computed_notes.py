"""Tables say of whom a modality was computed and not given."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from builders import result_row

from analysis.computed import computed_notes
from analysis.method import Method
from analysis.system_tables import system_tables
from analysis.trial_tables import trial_tables


def rows(*, computed: bool) -> pd.DataFrame:
    """B0 is removed from two test subjects and absent in a third."""
    b0 = "B0" if computed else ""
    base = result_row(trial=0, center="A", seen=True, subject="A-0")
    made = [
        replace(base, subject="A-0", subset="DWI+ADC+B0"),
        replace(base, subject="A-0", subset="DWI+ADC", removed="B0", computed=b0),
        replace(base, subject="A-1", subset="DWI+ADC+B0"),
        replace(base, subject="A-1", subset="DWI+ADC", removed="B0", computed=b0),
        replace(base, subject="A-2", subset="DWI+ADC", computed=b0),
    ]
    return pd.DataFrame([one.cells() for one in made])


NOTE = (
    "B0 was not given but computed from DWI and ADC (Stejskal-Tanner) for test subjects: "
    "of 2 from whom it was removed and of 1 who lack it."
)


def test_the_note_counts_subjects() -> None:
    assert computed_notes(rows(computed=True)) == (NOTE,)
    assert computed_notes(rows(computed=False)) == ()


def test_the_tables_of_a_trial_say_so() -> None:
    assert all(NOTE in table.notes for table in trial_tables(rows(computed=True), Method(), "lesion"))
    assert not any(NOTE in table.notes for table in trial_tables(rows(computed=False), Method(), "lesion"))


def test_side_by_side_the_system_that_computes_is_named() -> None:
    systems = [rows(computed=name == "physics").assign(system=name, run=0) for name in ("dropout", "physics")]
    tables = system_tables(pd.concat(systems, ignore_index=True), Method())
    assert tables
    for table in tables:
        assert [note for note in table.notes if "Stejskal" in note] == [f"physics: {NOTE}"]
