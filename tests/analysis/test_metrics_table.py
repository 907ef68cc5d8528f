"""The table of all metrics, the scores that it makes of several subjects, and what it says of empty masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import rows_frame

from analysis.empty_masks import empty_masks
from analysis.method import Method
from analysis.metrics_table import metrics_table
from analysis.rendering import printed, to_markdown
from analysis.synthesis import synthesis_table
from analysis.tables import Table
from analysis.trial_tables import trial_tables
from study.evaluation.metrics import METRICS, SUMMARIES
from study.records.results import SynthesisMean

SUBJECTS: list[dict[str, Any]] = [
    {
        "subject": f"CHSF-{nth}",
        "dice": 0.5 + 0.1 * nth,
        "ppv": 0.6,
        "lfpr": 0.2 * nth,
        "ltpr": 1 - 0.1 * nth,
        "voxel_correlation": 0.3 * nth,
        "reference_volume_ml": 10.0 * nth + 1,
        "predicted_volume_ml": volume,
    }
    for nth, volume in enumerate((2.0, 9.0, 25.0))
]


def line(table: Table, **wanted: Any) -> dict[Any, Any]:
    lines = [
        each
        for each in table.frame().to_dict("records")
        if all(each[name] == value for name, value in wanted.items())
    ]
    assert len(lines) == 1
    return lines[0]


def test_every_metric_of_rows_and_of_several_subjects_is_a_column() -> None:
    names = [column.name for column in metrics_table(rows_frame(*SUBJECTS), Method()).columns]
    assert names == ["removed", "centers", "n", *METRICS, *SUMMARIES]


def test_lines_are_seen_and_unseen_centers_with_all_and_without_one_modality() -> None:
    unseen = {"seen": False, "center": "ISLES"}
    rows = rows_frame(
        *SUBJECTS,
        {**unseen, "subject": "I-1", "hd95_mm": 4.0},
        {**unseen, "subject": "I-2", "hd95_mm": math.nan},
        {**unseen, "subject": "I-1", "removed": "B0", "subset": "DWI+ADC"},
        {**unseen, "subject": "I-1", "removed": "ADC+B0", "subset": "DWI"},
        {"split": "control", "subject": "C-1"},
    )
    table = metrics_table(rows, Method())
    assert [row[:3] for row in table.rows] == [
        ("", "seen centers", 3),
        ("", "unseen centers", 2),
        ("B0", "unseen centers", 1),
    ]
    assert line(table, removed="", centers="seen centers")["dice"] == pytest.approx(0.6)
    assert line(table, removed="", centers="unseen centers")["hd95_mm"] == 4
    shown = {tuple(cells[:2]): cells[2:] for cells in printed(table)}
    assert shown["HD95, mm", "nothing"] == ["3.00 (–)", "4.00 (–) [n 1]"]


def test_the_isbi_score_is_made_of_means_and_the_correlation_of_volumes() -> None:
    found = line(metrics_table(rows_frame(*SUBJECTS), Method()), centers="seen centers")
    correlation = np.corrcoef([1, 11, 21], [2, 9, 25])[0, 1]
    assert found["volume_correlation"] == pytest.approx(correlation)
    # Dice 0.6, PPV 0.6, LFPR 0.2, LTPR 0.9; mean correlation of voxels 0.3.
    parts = 0.6 / 8 + 0.6 / 8 + 0.8 / 4 + 0.9 / 4
    assert found["isbi_score"] == pytest.approx(parts + correlation / 4)
    assert found["isbi_score_voxels"] == pytest.approx(parts + 0.3 / 4)


def test_subjects_without_a_reference_take_no_part_in_the_isbi_score() -> None:
    empty = {"subject": "E", "reference_volume_ml": 0.0, "predicted_volume_ml": 40.0, "ppv": 0.0, "dice": 0.0}
    few, more = (
        line(metrics_table(rows_frame(*subjects), Method()), centers="seen centers")
        for subjects in (SUBJECTS, [*SUBJECTS, empty])
    )
    assert more["isbi_score"] == few["isbi_score"]
    assert more["volume_correlation"] < few["volume_correlation"]  # where it counts as 0 mL


def test_scores_of_centers_count_centers_the_same() -> None:
    elsewhere = {**SUBJECTS[2], "center": "MATAR", "subject": "M-1"}
    rows = rows_frame(*SUBJECTS[:2], elsewhere)
    found = line(metrics_table(rows, Method(average="centers")), centers="seen centers")
    dice, lfpr, ltpr = (0.55 + 0.7) / 2, (0.1 + 0.4) / 2, (0.95 + 0.8) / 2
    voxels = (0.15 + 0.6) / 2
    assert found["isbi_score_voxels"] == pytest.approx(
        (dice + 0.6) / 8 + (1 - lfpr) / 4 + (ltpr + voxels) / 4
    )


def test_two_subjects_have_no_correlation_and_no_score_of_it() -> None:
    found = line(metrics_table(rows_frame(*SUBJECTS[:2]), Method()), centers="seen centers")
    assert math.isnan(found["volume_correlation"])
    assert math.isnan(found["isbi_score"])
    assert not math.isnan(found["isbi_score_voxels"])


def test_metrics_of_installed_packages_have_a_column_and_are_named_below() -> None:
    rows = rows_frame(*SUBJECTS).assign(boundary_iou=[0.2, math.nan, 0.4])
    table = metrics_table(rows, Method())
    assert line(table, centers="seen centers")["boundary_iou"] == pytest.approx(0.3)
    assert any("installed packages: boundary_iou" in note for note in table.notes)


def test_rows_of_versions_that_lacked_a_metric_have_no_value() -> None:
    table = metrics_table(rows_frame(*SUBJECTS).assign(nsd=math.nan), Method())
    shown = {cells[0]: cells[2] for cells in printed(table)}
    assert shown["normalised surface distance within 2 mm"] == "–"


@pytest.mark.parametrize(("average", "empty_dice"), [("subjects", "one"), ("centers", "nan")])
def test_every_table_of_metrics_says_what_they_are_for_empty_masks(average: Any, empty_dice: Any) -> None:
    method = Method(average, empty_dice)
    rows = pd.concat([rows_frame(*SUBJECTS), rows_frame({"split": "control", "subject": "C"})])
    tables = {table.name: table for table in trial_tables(rows, method, "thrombus")}
    assert set(tables) == {"cross_center", "averages", "occlusions", "metrics"}
    both = {"one": "Dice is 1", "nan": "Dice has no value and is left out"}[empty_dice]
    for name in ("cross_center", "averages"):
        assert (
            f"Where both masks are empty, {both}. Where only one of the masks is, Dice is 0."
            in to_markdown(tables[name])
        )
    assert "Where only the prediction is, Dice and detection rate are 0." in to_markdown(tables["occlusions"])
    every = to_markdown(tables["metrics"])
    assert "Where only the reference is" in every
    for facts in METRICS.values():
        if facts.empty is not None and set(facts.empty) != {"counted"}:
            assert facts.title in every.partition("Where both masks are empty")[2]


def test_the_table_of_all_metrics_is_left_out_where_room_is_short() -> None:
    names = [table.name for table in trial_tables(rows_frame(*SUBJECTS), Method(), "lesion", brief=True)]
    assert names == ["cross_center", "averages"]


def test_what_metrics_are_for_empty_masks_in_words() -> None:
    shown = [METRICS[name] for name in ("dice", "ppv", "tpr", "hd95_mm", "false_positives")]
    assert empty_masks(shown, "one") == (
        "Where both masks are empty, Dice is 1, and PPV, TPR and HD95 have no value and are left out. "
        "Where only the reference is, Dice and PPV are 0, and TPR and HD95 have no value and are left out. "
        "Where only the prediction is, Dice, PPV and TPR are 0, and HD95 has no value and is left out. "
        "Counts, sizes and volumes are 0 where there is nothing to count."
    )


def test_the_table_of_syntheses_has_both_metrics_and_what_is_left_out() -> None:
    means = [
        SynthesisMean(center="CHSF", given="DWI+ADC", modality="B0", psnr_db=21.44, ssim=0.8123, subjects=7),
        SynthesisMean(center="CHSF", given="DWI+B0", modality="ADC", psnr_db=19.0),  # of an earlier version
    ]
    table = synthesis_table(means)
    header, first, second = printed(table)
    assert header == ["center", "given", "synthesised", "n", "PSNR, dB", "SSIM"]
    assert first == ["CHSF", "DWI+ADC", "B0", "7", "21.4", "0.812"]
    assert second == ["CHSF", "DWI+B0", "ADC", "–", "19.0", "–"]
    assert "are left out" in to_markdown(table)
