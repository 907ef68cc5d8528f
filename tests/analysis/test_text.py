from __future__ import annotations

import math

import pandas as pd
from builders import rows_frame

from analysis.tables import average_table, cross_center_table
from analysis.text import to_markdown, to_text


def rows(*lines: tuple[str, bool, str, str, str, float]) -> pd.DataFrame:
    names = ("center", "seen", "subject", "subset", "removed", "dice")
    return rows_frame(*(dict(zip(names, line, strict=True)) for line in lines))


FULL = "DWI+ADC+B0"


def test_text_is_aligned():
    table = cross_center_table(
        rows(("CHSF", True, "C1", FULL, "", 0.5), ("A", False, "A1", "DWI", "", math.nan)), 9, 0
    )
    assert to_text(table).splitlines() == [
        "center  seen  given       removed  n   Dice  95 %",
        "------  ----  ----------  -------  -  -----  --------------",
        "CHSF    yes   DWI+ADC+B0  nothing  1  0.500  0.500 to 0.500",
        "A       no    DWI         nothing  0      -  -",
    ]


def test_markdown():
    table = cross_center_table(rows(("CHSF", True, "C1", FULL, "", 0.5)), 9, 0)
    assert to_markdown(table).splitlines() == [
        "| center | seen | given | removed | n | Dice | 95 % |",
        "| --- | --- | --- | --- | ---: | ---: | --- |",
        "| CHSF | yes | DWI+ADC+B0 | nothing | 1 | 0.500 | 0.500 to 0.500 |",
    ]


def test_an_empty_table_has_its_header():
    empty = cross_center_table(rows(), 9, 0)
    assert len(empty) == len(average_table(rows(), 9, 0)) == 0
    assert to_text(empty).splitlines()[0].split() == [
        "center",
        "seen",
        "given",
        "removed",
        "n",
        "Dice",
        "95",
        "%",
    ]
    assert to_markdown(empty).count("\n") == 1
