from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest

from study.config import Objective
from study.evaluation.objective import Panel, objective_score

NAN = math.nan
FULL, REMOVED = False, True  # whether a modality is taken away
RECORDS = [
    ("A", "A-1", FULL, 0.8),
    ("A", "A-1", REMOVED, 0.6),
    ("A", "A-1", REMOVED, 0.2),  # missing of A-1: 0.4
    ("A", "A-2", FULL, 0.6),
    ("A", "A-2", REMOVED, 0.2),
    ("B", "B-1", FULL, 0.4),  # has nothing to remove
]


def test_by_hand():
    parts = objective_score(RECORDS, Objective(full=1, missing=2, worst_center=1))
    assert parts.full == pytest.approx(0.6)  # 0.8, 0.6, 0.4
    assert parts.missing == pytest.approx(0.3)  # 0.4, 0.2
    assert parts.worst_center == pytest.approx(0.4)  # A: (0.7 + 0.3) / 2 = 0.5; B: 0.4
    assert parts.objective == pytest.approx((0.6 + 2 * 0.3 + 0.4) / 4)


def test_default_is_the_mean_of_full_and_missing():
    assert objective_score(RECORDS, Objective()).objective == pytest.approx(0.45)


def test_order_does_not_matter():
    backwards, forwards = (astuple(objective_score(order, Objective())) for order in (RECORDS[::-1], RECORDS))
    assert backwards == pytest.approx(forwards)


def test_only_the_centers_of_the_objective_count():
    parts = objective_score(RECORDS, Objective(centers=("B",), worst_center=1))
    assert parts.full == parts.worst_center == pytest.approx(0.4)
    assert math.isnan(parts.missing)


def test_what_is_not_defined_leaves_its_weight_to_the_others():
    parts = objective_score([("A", "A-1", FULL, 0.5), ("A", "A-2", FULL, 0.7)], Objective())
    assert math.isnan(parts.missing)
    assert parts.objective == parts.full == pytest.approx(0.6)


def test_nan_dice_does_not_count():
    records = [
        ("A", "A-1", FULL, NAN),
        ("A", "A-1", REMOVED, 0.4),
        ("A", "A-2", FULL, 0.8),
        ("A", "A-2", REMOVED, NAN),
    ]
    parts = objective_score(records, Objective(worst_center=1))
    assert parts.full == pytest.approx(0.8)
    assert parts.missing == pytest.approx(0.4)
    assert parts.worst_center == pytest.approx(0.6)


def test_a_weight_of_zero_does_not_save_an_undefined_objective():
    assert math.isnan(objective_score([("A", "A-1", FULL, 0.5)], Objective(full=0, missing=1)).objective)


@pytest.mark.parametrize("records", [[], [("A", "A-1", FULL, NAN)]])
def test_nothing_to_judge_is_nan(records):
    assert all(map(math.isnan, astuple(objective_score(records, Objective(worst_center=1)))))


def test_counts_act_like_repeated_subjects():
    panel = Panel([record[:3] for record in RECORDS], Objective(worst_center=1))
    dice = np.array([record[3] for record in RECORDS])
    counts = np.array([[2, 0, 1], [0, 1, 1], [1, 1, 1]], float)
    tripled = [("A", "copy", removed, value) for _, key, removed, value in RECORDS if key == "A-1"]
    for part, records in zip(
        panel.parts(dice, counts),
        (
            [*[record for record in RECORDS if record[1] != "A-2"], *tripled],
            [record for record in RECORDS if record[1] != "A-1"],
            RECORDS,
        ),
        strict=True,
    ):
        assert part.tolist() == pytest.approx(
            list(astuple(objective_score(records, Objective(worst_center=1))))
        )


def test_many_settings_at_once_are_those_one_by_one():
    objective = Objective(full=1, missing=2, worst_center=1)
    panel = Panel([record[:3] for record in RECORDS], objective)
    dice = np.array([[0.8, 0.6, 0.2, 0.6, 0.2, 0.4], [0.1, NAN, 0.3, NAN, 0.7, 0.9]])
    for row, values in zip(panel.parts(dice, np.ones(3)), dice, strict=True):
        records = [(*record[:3], value) for record, value in zip(RECORDS, values.tolist(), strict=True)]
        assert row.tolist() == pytest.approx(list(astuple(objective_score(records, objective))))
