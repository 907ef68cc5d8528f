from __future__ import annotations

import csv
import io
import math

import pandas as pd
import pytest
from builders import rows_frame

from analysis.cross_center import average_table, cross_center_table, removal_table
from analysis.estimates import Estimate, Interval
from analysis.method import Method
from analysis.rendering import (
    shown_estimate,
    shown_interval,
    to_csv,
    to_latex,
    to_markdown,
    to_text,
    without_repeats,
)
from analysis.tables import Across, Column, Table

TABLE = Table(
    "example",
    "An example",
    (
        Column("center", "center"),
        Column("seen", "seen", "flag"),
        Column("removed", "removed", "removed"),
        Column("n", "n", "count"),
        Column("dice", "Dice", "estimate"),
        Column("sd", "sd", "number", 2),
        Column("p", "p", "probability"),
    ),
    (
        ("CHSF", True, "", 12, Estimate(0.5, 12, Interval(0.25, 0.75)), 0.123, 0.0001),
        ("A & B|C", False, "B0", 3, Estimate(0.125, 2), None, None),
    ),
    ("One note.", "50 % of another_one."),
    comparisons=1,
)


def test_text_is_aligned() -> None:
    assert to_text(TABLE).splitlines() == [
        "An example; 1 comparison",
        "center   seen  removed   n  Dice (95 %)               sd       p",
        "-------  ----  -------  --  ----------------------  ----  ------",
        "CHSF     yes   nothing  12  0.500 (0.250 to 0.750)  0.12  <0.001",
        "A & B|C  no    B0        3  0.125 (–) [n 2]            –       –",
        "One note.",
        "50 % of another_one.",
    ]


def test_markdown() -> None:
    assert to_markdown(TABLE).splitlines() == [
        "**An example; 1 comparison**",
        "",
        "| center | seen | removed | n | Dice (95 %) | sd | p |",
        "| --- | --- | --- | ---: | --- | ---: | ---: |",
        "| CHSF | yes | nothing | 12 | 0.500 (0.250 to 0.750) | 0.12 | <0.001 |",
        "| A & B\\|C | no | B0 | 3 | 0.125 (–) [n 2] | – | – |",
        "",
        "One note. 50 % of another_one.",
    ]


def test_latex_escapes_what_it_must() -> None:
    lines = [line.strip() for line in to_latex(TABLE).splitlines()]
    assert r"\caption{An example; 1 comparison}" in lines
    assert r"\label{tab:example}" in lines
    assert r"\begin{tabular}{lllrlrr}" in lines
    assert r"CHSF & yes & nothing & 12 & 0.500 (0.250 to 0.750) & 0.12 & <0.001 \\" in lines
    assert r"A \& B|C & no & B0 & 3 & 0.125 (--) [n 2] & -- & -- \\" in lines
    assert r"\item 50 \% of another\_one." in lines
    assert len([line for line in lines if line.startswith(r"\begin")]) == len(
        [line for line in lines if line.startswith(r"\end")]
    )


def test_csv_has_all_digits_and_no_dash() -> None:
    table = Table("t", "T", (Column("a", "A"), Column("b", "B", "estimate"), Column("c", "C", "interval")), (
        ("x,y", Estimate(1 / 3, 5, Interval(0.1, 0.7)), Interval(-1.0, 1.0)),
        ("", Estimate(0.5, 2), None),
    ))  # fmt: skip
    assert list(csv.reader(io.StringIO(to_csv(table)))) == [
        ["a", "b", "b_low", "b_high", "c_low", "c_high"],
        ["x,y", "0.3333333333333333", "0.1", "0.7", "-1.0", "1.0"],
        ["", "0.5", "", "", "", ""],
    ]
    pd.testing.assert_frame_equal(
        pd.read_csv(io.StringIO(to_csv(TABLE)), keep_default_na=False, na_values={"p": [""]})[
            ["center", "n", "p"]
        ],
        TABLE.frame()[["center", "n", "p"]],
    )


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        (Interval(0.004, 0.006), "0.004 to 0.006"),
        (Interval(0.0049, 0.0051), "0.0049 to 0.0051"),
        (Interval(0.0050001, 0.0050002), "0.0050001 to 0.0050002"),
        (None, "–"),
    ],
)
def test_the_ends_of_an_interval_never_look_the_same(interval: Interval | None, shown: str) -> None:
    assert shown_interval(interval) == shown


def test_signs() -> None:
    assert (
        shown_estimate(Estimate(0.1, 9, Interval(-0.0001, 0.2)), signed=True) == "+0.100 (+0.000 to +0.200)"
    )
    assert (
        shown_estimate(Estimate(-0.1, 9, Interval(-0.25, -0.01)), 2, signed=True) == "-0.10 (-0.25 to -0.01)"
    )
    assert shown_estimate(Estimate(math.nan, 0)) == "–"


def test_values_of_a_column_stand_side_by_side() -> None:
    table = Table(
        "turned",
        "Turned",
        (
            Column("seen", "seen", "flag"),
            Column("where", "where"),
            Column("n", "subjects", "count"),
            Column("dice", "Dice", "estimate", 2),
        ),
        (
            (True, "far", 2, Estimate(0.5, 2)),
            (True, "near", 7, Estimate(0.25, 6)),
            (False, "near", 1, Estimate(1.0, 1)),
        ),
        across=Across("where", ("near", "middle", "far")),
    )
    assert to_text(table).splitlines()[1:] == [
        "          seen  near            far",
        "--------  ----  --------------  --------",
        "subjects  yes   7               2",
        "subjects  no    1               –",
        "Dice      yes   0.25 (–) [n 6]  0.50 (–)",
        "Dice      no    1.00 (–)        –",
    ]


def test_a_note_that_several_tables_have_stands_below_the_last() -> None:
    other = Table("other", "Other", TABLE.columns, (), ("One note.", "Its own."))
    first, second = without_repeats([TABLE, other])
    assert first.notes == ("50 % of another_one.",)
    assert second.notes == ("One note.", "Its own.")


def test_an_empty_table_has_its_header() -> None:
    for make in (cross_center_table, average_table, removal_table):
        table = make(rows_frame(), Method())
        assert table.rows == ()
        assert to_text(table).splitlines()[1].split()
        assert to_markdown(table).count("\n| ") == 2
        assert to_csv(table).count("\n") == 1
