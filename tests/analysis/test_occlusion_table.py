from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from builders import rows_frame

from analysis.method import Method
from analysis.occlusions import METRICS, occlusion_table, tells_occlusions
from analysis.rendering import to_markdown, to_text
from analysis.tables import Table

METHOD = Method()
NOTHING = dict.fromkeys(METRICS, 0.0)


def rows(*lines: dict[str, Any]) -> pd.DataFrame:
    """A row for each line, of a subject of its own unless the line names one; metrics are 0 unless they are given."""
    return rows_frame(*({"subject": f"S-{number}", **NOTHING, **line} for number, line in enumerate(lines)))


def of(table: Table, occlusion: str, **group: Any) -> dict[Any, Any]:
    wanted = {"removed": "", "seen": True, "occlusion": occlusion, **group}
    (line,) = [
        line
        for line in table.frame().to_dict("records")
        if all(line[name] == value for name, value in wanted.items())
    ]
    return line


PATIENTS = rows(
    {
        "occlusion": "proximal",
        "dice": 0.6,
        "detected": 1,
        "false_positives": 2,
        "false_positive_voxels": 30.0,
    },
    {"occlusion": "proximal", "dice": 0.8, "detected": 1},
    {"occlusion": "distal", "dice": 0.0, "detected": 0, "false_negatives": 1, "false_negative_voxels": 12.0},
    {"dice": 0.4, "detected": 1, "reference_volume_ml": 0.2, "predicted_volume_ml": 0.1},
)


def test_each_occlusion_has_its_means_and_all_holds_those_that_are_not_known_too():
    table = occlusion_table(PATIENTS, METHOD)
    assert table.frame()["occlusion"].tolist() == ["proximal", "distal", "all"]
    proximal, distal, everyone = (of(table, name) for name in ("proximal", "distal", "all"))
    assert (proximal["n"], distal["n"], everyone["n"]) == (2, 1, 4)
    assert proximal["dice"] == pytest.approx(0.7)
    assert math.isnan(proximal["dice_low"])  # fewer than five subjects
    assert everyone["dice"] == pytest.approx(0.45)
    assert everyone["detected"] == pytest.approx(3 / 4)
    # Of the mean size, subjects without a false positive count with 0: (30 + 0) / 2, not 30.
    assert (proximal["false_positives"], proximal["false_positive_voxels"]) == pytest.approx((1, 15))
    assert (distal["false_negatives"], distal["false_negative_voxels"]) == (1, 12)
    assert everyone["false_negative_voxels"] == pytest.approx(3)
    assert (everyone["reference_volume_ml"], everyone["predicted_volume_ml"]) == pytest.approx((0.05, 0.025))


def test_one_voxel_missed_in_one_of_ten_patients_counts_and_weighs_a_tenth():
    missed = {"false_negatives": 1, "false_negative_voxels": 1.0}
    line = of(occlusion_table(rows(missed, *[{}] * 9), METHOD), "all")
    assert (line["false_negatives"], line["false_negative_voxels"]) == pytest.approx((0.1, 0.1))


def test_an_empty_reference_has_no_detection_and_does_not_lower_the_rate():
    table = rows({"detected": 1.0}, {"detected": math.nan, "dice": math.nan}, {"detected": 0.0, "dice": 0.5})
    line = of(occlusion_table(table, METHOD), "all")
    assert line["n"] == 3
    assert line["detected"] == pytest.approx(0.5)
    assert line["dice"] == pytest.approx(0.25)


def test_control_scans_stand_apart_without_dice_and_detection():
    control = {"split": "control", "subject": "C", "dice": 1.0, "detected": math.nan, "false_positives": 3}
    table = occlusion_table(pd.concat([PATIENTS, rows({**control, "occlusion": "distal"})]), METHOD)
    assert table.frame()["occlusion"].tolist() == ["proximal", "distal", "all", "control"]
    assert table.rows[:3] == occlusion_table(PATIENTS, METHOD).rows
    line = of(table, "control")
    assert (line["n"], line["false_positives"]) == (1, 3)
    assert math.isnan(line["dice"])
    assert math.isnan(line["detected"])


def test_seen_and_unseen_centers_and_what_was_removed_are_kept_apart():
    table = occlusion_table(
        rows(
            {"removed": "PHASE", "dice": 0.1},
            {"seen": False, "dice": 0.2},
            {"dice": 0.3},
            {"split": "validation", "dice": 0.9},
        ),
        METHOD,
    )
    assert table.frame()[["seen", "removed", "dice"]].to_numpy().tolist() == [
        [True, "", 0.3],
        [True, "PHASE", 0.1],
        [False, "", 0.2],
    ]


def test_values_of_another_column_are_compared_and_a_subject_counts_once_with_its_mean():
    # Two seeds with 10 slices, one with 12; numbers are sorted as numbers.
    trials = [(10, 0, 0.2, 0.6), (10, 1, 0.4, 0.8), (9, 2, 0.5, 0.5)]
    table = pd.concat(
        rows({"trial": trial, "dice": first}, {"trial": trial, "dice": second}).assign(slices=slices)
        for slices, trial, first, second in trials
    )
    found = occlusion_table(table, METHOD, by="slices")
    assert found.frame()[["slices", "n"]].to_numpy().tolist() == [["9", 2], ["10", 2]]
    line = of(found, "all", slices="10")
    assert line["dice"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="one trial, got trials 0, 1, 2"):
        occlusion_table(table, METHOD)


def test_rows_where_the_compared_value_is_missing_have_a_line_of_their_own():
    table = rows({"dice": 0.5}, {"dice": 0.7}).assign(inputs=["DWI", None])
    found = occlusion_table(table, METHOD, by="inputs")
    assert found.frame()["dice"].tolist() == [0.5, 0.7]
    assert "nan" in to_text(found)


def test_the_table_is_told_for_thrombi_and_control_scans():
    plain = rows({}, {"split": "validation", "occlusion": "distal"})
    assert not tells_occlusions(plain, "lesion")
    assert tells_occlusions(plain, "thrombus")
    assert not tells_occlusions(PATIENTS, "lesion")  # known, but a study of lesions is told by center
    assert tells_occlusions(rows({"split": "control"}), "lesion")
    assert not tells_occlusions(rows(), "thrombus")


def test_nobody_tested_gives_an_empty_table() -> None:
    empty = occlusion_table(rows(), METHOD)
    assert empty.rows == ()
    assert [column.name for column in empty.columns[:5]] == ["seen", "removed", "occlusion", "n", "dice"]


def test_a_rate_has_an_interval_although_all_are_detected_and_intervals_end_at_zero() -> None:
    five = [
        {"detected": 1.0, "dice": 0.2 * place, "false_positives": 10 * (place == 0)} for place in range(5)
    ]
    line = of(occlusion_table(rows(*five), METHOD), "all")
    assert (line["detected_low"], line["detected_high"]) == pytest.approx((5 / 8.841459, 1.0))
    assert (line["false_positives"], line["false_positives_low"]) == (2, 0)
    assert line["dice_low"] > 0
    averaged = rows(*five, *({**one, "detected": 0.0} for one in five)).assign(system="one")
    averaged["subject"] = [f"S-{place % 5}" for place in range(10)]
    halves = of(occlusion_table(averaged, METHOD, by="system"), "all", system="one")
    assert (halves["detected"], math.isnan(halves["detected_low"])) == (
        0.5,
        True,
    )  # no rate of 0 and 1 any more


def test_text_has_a_line_per_metric_and_a_column_per_occlusion() -> None:
    table = rows(
        {
            "occlusion": "distal",
            "dice": 0.5,
            "detected": 1.0,
            "false_positives": 1,
            "false_positive_voxels": 4.0,
        },
        {"dice": math.nan, "detected": math.nan},
        {"split": "control", "false_positives": 2, "false_positive_ml": 0.25},
        {"removed": "PHASE", "dice": 0.25},
    )
    lines = to_text(occlusion_table(table, METHOD)).splitlines()[1:]
    assert lines[0].split() == ["seen", "removed", "distal", "all", "control"]
    cells = [tuple(cell for cell in line.split("  ") if cell) for line in lines[2:8]]
    stripped = [tuple(cell.strip() for cell in line) for line in cells]
    assert stripped == [
        ("subjects", "yes", "nothing", "1", "2", "1"),
        ("subjects", "yes", "PHASE", "–", "1", "–"),
        ("Dice", "yes", "nothing", "0.500 (–)", "0.500 (–) [n 1]", "–"),
        ("Dice", "yes", "PHASE", "–", "0.250 (–)", "–"),
        ("detection rate", "yes", "nothing", "1.00 (–)", "1.00 (–) [n 1]", "–"),
        ("detection rate", "yes", "PHASE", "–", "0.00 (–)", "–"),
    ]
    markdown = to_markdown(occlusion_table(table, METHOD)).splitlines()
    assert markdown[2] == "|  | seen | removed | distal | all | control |"
    assert "| false positives | yes | nothing | 1.00 (–) | 0.50 (–) | 2.00 (–) |" in markdown
