from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from builders import rows_frame

from analysis.cross_center import average_table, cross_center_table, removal_table
from analysis.estimates import Estimate
from analysis.method import Method
from analysis.tables import Table

SUBJECTS, BY_CENTER = Method(resamples=200), Method(average="centers", resamples=200)


def rows(*lines: tuple[str, bool, str, str, str, float], split: str = "test", trial: int = 0) -> pd.DataFrame:
    names = ("center", "seen", "subject", "subset", "removed", "dice")
    return rows_frame(
        *(dict(zip(names, line, strict=True)) | {"split": split, "trial": trial} for line in lines)
    )


DIFFERENT = (("A", 0.1), ("B", 0.3), ("C", 0.2), ("D", 0.7), ("E", 0.6))
FULL, WITHOUT = "DWI+ADC+B0", "DWI+ADC"
ROWS = rows(
    ("ISLES", False, "I1", WITHOUT, "", 0.4),
    ("ISLES", False, "I2", WITHOUT, "", 0.6),
    ("MATAR", True, "M1", FULL, "", 0.5),
    ("MATAR", True, "M1", WITHOUT, "B0", 0.3),
    ("CHSF", True, "C1", FULL, "", 0.9),
    ("CHSF", True, "C1", WITHOUT, "B0", 0.7),
    ("CHSF", True, "C2", FULL, "", 0.8),
    ("CHSF", True, "C2", WITHOUT, "B0", math.nan),
)


def of(table: Table, name: str, removed: str) -> dict[str, Any]:
    """The line whose first cell is the name."""
    names = [column.name for column in table.columns]
    lines = [dict(zip(names, row, strict=True)) for row in table.rows]
    (line,) = [line for line in lines if (line[names[0]], line["removed"]) == (name, removed)]
    return line


def test_a_line_per_center_and_removed_modality_seen_centers_first() -> None:
    table = cross_center_table(ROWS, SUBJECTS)
    frame = table.frame()
    assert list(frame.columns) == [
        "center",
        "seen",
        "subset",
        "removed",
        "n",
        "dice",
        "dice_low",
        "dice_high",
    ]
    assert frame[["center", "seen", "subset", "removed", "n"]].to_numpy().tolist() == [
        ["CHSF", True, FULL, "", 2],
        ["CHSF", True, WITHOUT, "B0", 1],
        ["MATAR", True, FULL, "", 1],
        ["MATAR", True, WITHOUT, "B0", 1],
        ["ISLES", False, WITHOUT, "", 2],
    ]
    assert frame["dice"].tolist() == pytest.approx([0.85, 0.7, 0.5, 0.3, 0.5])
    assert frame["dice_low"].isna().all()  # fewer than five subjects each
    assert "mean over subjects" in table.caption


def test_five_subjects_have_an_interval() -> None:
    five = rows(
        *(("A", True, f"A{place}", FULL, "", value) for place, value in enumerate((0.2, 0.4, 0.6, 0.8, 1.0)))
    )
    (line,) = cross_center_table(five, SUBJECTS).frame().to_dict("records")
    assert (line["dice_low"], line["dice_high"]) == (
        pytest.approx(0.6 - 2.776445 * 0.1414214),
        pytest.approx(0.992648),
    )


def test_only_test_rows_are_read() -> None:
    validation = rows(("MATAR", True, "M9", FULL, "", 0.0), split="validation")
    assert cross_center_table(pd.concat([ROWS, validation]), SUBJECTS) == cross_center_table(ROWS, SUBJECTS)


def test_order_of_rows_does_not_matter() -> None:
    for make in (cross_center_table, average_table, removal_table):
        assert make(ROWS[::-1], SUBJECTS).frame().equals(make(ROWS, SUBJECTS).frame())


def test_subjects_of_a_center_that_have_different_modalities_share_a_line() -> None:
    mixed = rows(("FOCH", True, "F1", "DWI+SWI", "", 0.2), ("FOCH", True, "F2", "DWI+B0+SWAN", "", 0.4))
    ((center, _, given, _, n, dice),) = cross_center_table(mixed, SUBJECTS).rows
    assert (center, given, n) == ("FOCH", "DWI+B0+SWAN | DWI+SWI", 2)
    assert dice == Estimate(pytest.approx(0.3), 2)


def test_rows_of_several_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="one trial, got trials 0, 4"):
        cross_center_table(pd.concat([ROWS, rows(("MATAR", True, "M1", FULL, "", 0.5), trial=4)]), SUBJECTS)


@pytest.mark.parametrize(
    ("method", "full", "missing"),
    [(SUBJECTS, (0.5 + 0.9 + 0.8) / 3, (0.3 + 0.7) / 2), (BY_CENTER, (0.85 + 0.5) / 2, (0.7 + 0.3) / 2)],
)
def test_averages_are_those_that_the_caption_names(method: Method, full: float, missing: float) -> None:
    table = average_table(ROWS, method)
    assert f"mean over {method.average}" in table.caption
    line = of(table, "seen centers", "")
    assert (line["number_of_centers"], line["n"]) == (2, 3)
    assert line["dice"].mean == pytest.approx(full)
    assert of(table, "seen centers", "B0")["dice"].mean == pytest.approx(missing)
    unseen = of(table, "unseen centers", "")
    assert (unseen["number_of_centers"], unseen["n"], unseen["dice"].mean) == (1, 2, pytest.approx(0.5))


def test_the_papers_average_adds_centers_that_never_had_the_modality() -> None:
    table = average_table(ROWS, BY_CENTER)
    assert of(table, "centers with it (paper)", "")["dice"].mean == pytest.approx((0.85 + 0.5) / 2)
    without = of(table, "all centers (paper)", "B0")
    assert without["dice"].mean == pytest.approx((0.7 + 0.3 + 0.5) / 3)
    assert (without["number_of_centers"], without["n"]) == (3, 4)
    assert not [row for row in average_table(ROWS, SUBJECTS).rows if "paper" in str(row[0])]


def test_few_unseen_centers_say_nothing_of_the_next_one_and_five_do() -> None:
    table = average_table(ROWS, SUBJECTS)
    assert any(note.startswith("Unseen centers: 1. ") for note in table.notes)
    assert "other_centers" not in [column.name for column in table.columns]
    many = rows(
        *(
            (name, False, f"{name}{i}", FULL, "", value + i / 10)
            for name, value in DIFFERENT
            for i in range(3)
        )
    )
    table = average_table(many, SUBJECTS)
    low, high = of(table, "unseen centers", "")["other_centers"]
    within = of(table, "unseen centers", "")["dice"].interval
    assert low < within.low < within.high < high
    assert any("hierarchical bootstrap" in note for note in table.notes)


def test_a_removed_modality_is_compared_on_the_same_subjects() -> None:
    table = removal_table(ROWS, SUBJECTS)
    ((centers, removed, n, full, missing, change, p),) = table.rows
    assert (centers, removed, n, p) == ("seen centers", "B0", 2, None)  # C2 has no Dice without B0
    assert (full.mean, missing.mean, change.mean) == pytest.approx((0.7, 0.5, -0.2))
    assert (table.comparisons, change.interval) == (0, None)
    assert table.caption.endswith("; 0 comparisons")


def test_several_removed_modalities_are_several_comparisons() -> None:
    lines = [
        ("A", True, f"A{place}", FULL, removed, 0.5 - loss * (1 + place / 10))
        for place in range(6)
        for removed, loss in (("", 0.0), ("B0", 0.1), ("ADC", 0.2))
    ]
    table = removal_table(rows(*lines), SUBJECTS)
    assert (table.comparisons, [row[1] for row in table.rows]) == (2, ["ADC", "B0"])
    assert [row[-1] for row in table.rows] == pytest.approx(
        [4 / 64, 4 / 64]
    )  # 2 of 64 patterns, twice after Holm
