from __future__ import annotations

import math

import pandas as pd
import pytest
from builders import rows_frame

from analysis.tables import average_table, cross_center_table


def rows(*lines: tuple[str, bool, str, str, str, float], split: str = "test", trial: int = 0) -> pd.DataFrame:
    names = ("center", "seen", "subject", "subset", "removed", "dice")
    return rows_frame(
        *(dict(zip(names, line, strict=True)) | {"split": split, "trial": trial} for line in lines)
    )


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


def of(table: pd.DataFrame, center: str, removed: str) -> dict[str, object]:
    (line,) = table[(table["center"] == center) & (table["removed"] == removed)].to_dict("records")
    return line


def test_a_line_per_center_and_removed_modality_seen_centers_first():
    table = cross_center_table(ROWS, 200, 0)
    assert list(table.columns) == ["center", "seen", "subset", "removed", "n", "dice", "low", "high"]
    assert table[["center", "seen", "subset", "removed", "n"]].to_numpy().tolist() == [
        ["CHSF", True, FULL, "", 2],
        ["CHSF", True, WITHOUT, "B0", 1],
        ["MATAR", True, FULL, "", 1],
        ["MATAR", True, WITHOUT, "B0", 1],
        ["ISLES", False, WITHOUT, "", 2],
    ]
    assert table["dice"].tolist() == pytest.approx([0.85, 0.7, 0.5, 0.3, 0.5])


def test_interval_of_two_subjects_reaches_from_one_to_the_other():
    line = of(cross_center_table(ROWS, 500, 0), "CHSF", "")
    assert (line["low"], line["high"]) == pytest.approx((0.8, 0.9))


def test_only_test_rows_are_read():
    validation = rows(("MATAR", True, "M9", FULL, "", 0.0), split="validation")
    pd.testing.assert_frame_equal(
        cross_center_table(pd.concat([ROWS, validation]), 50, 0), cross_center_table(ROWS, 50, 0)
    )


def test_order_of_rows_does_not_matter():
    pd.testing.assert_frame_equal(cross_center_table(ROWS[::-1], 50, 0), cross_center_table(ROWS, 50, 0))


def test_subjects_of_a_center_that_have_different_modalities_share_a_line():
    mixed = rows(("FOCH", True, "F1", "DWI+SWI", "", 0.2), ("FOCH", True, "F2", "DWI+B0+SWAN", "", 0.4))
    (line,) = cross_center_table(mixed, 50, 0).to_dict("records")
    assert (line["subset"], line["n"]) == ("DWI+B0+SWAN | DWI+SWI", 2)
    assert line["dice"] == pytest.approx(0.3)


def test_rows_of_several_trials_are_refused():
    with pytest.raises(ValueError, match="one trial, got trials 0, 4"):
        cross_center_table(pd.concat([ROWS, rows(("MATAR", True, "M1", FULL, "", 0.5), trial=4)]), 50, 0)


def test_average_of_seen_centers_is_unweighted():
    table = average_table(ROWS, 200, 0)
    full = of(table, "average of seen centers", "")
    assert full["dice"] == pytest.approx((0.85 + 0.5) / 2)
    assert full["n"] == 3
    assert (full["low"], full["high"]) == pytest.approx(((0.8 + 0.5) / 2, (0.9 + 0.5) / 2))
    assert of(table, "average of seen centers", "B0")["dice"] == pytest.approx((0.7 + 0.3) / 2)


def test_the_papers_average_adds_centers_that_never_had_the_modality():
    table = average_table(ROWS, 50, 0)
    assert of(table, "average of same centers", "")["dice"] == pytest.approx((0.85 + 0.5) / 2)
    assert of(table, "average of same centers", "B0")["dice"] == pytest.approx((0.7 + 0.3) / 2)
    assert of(table, "average as in the paper", "")["dice"] == pytest.approx((0.85 + 0.5) / 2)
    without = of(table, "average as in the paper", "B0")
    assert without["dice"] == pytest.approx((0.7 + 0.3 + 0.5) / 3)
    assert (without["seen"], without["subset"], without["n"]) == (False, WITHOUT, 4)
