from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from search_spaces.space import SearchSpace
from study.config import Postprocessing, validate
from study.evaluation.curves import climb, score_curves
from study.evaluation.fit import Point
from study.evaluation.settings_space import SettingsSpace


def curves_of(
    content: dict[str, Any], settings: Postprocessing, judge: Any, **default: Any
) -> dict[str, tuple[Point, ...]]:
    config = validate({"study": {"name": "s"}, "postprocessing": default})
    space = SettingsSpace(
        SearchSpace.parse({"postprocessing": content}, config).postprocessing, config.postprocessing
    )
    return {curve.path: curve.points for curve in score_curves(space, settings, judge)}


def product_of(settings: list[Postprocessing]) -> np.ndarray:
    """A score that tells what a setting was."""
    return np.array([one.threshold + 10 * one.remove_small.ml + 100 * one.grow.threshold for one in settings])


def test_a_range_is_cut_into_41_values_and_those_of_default_and_fitted_settings():
    fitted = Postprocessing(threshold=0.333, remove_small={"ml": 2})
    curves = curves_of({"threshold": {"type": "float", "low": 0.2, "high": 0.6}}, fitted, product_of)
    (curve,) = curves.values()
    assert curves.keys() == {"postprocessing.threshold"}
    values = [value for value, _ in curve]
    assert values == sorted({*(round(0.2 + n / 100, 3) for n in range(41)), 0.333, 0.5})
    assert [score for _, score in curve] == pytest.approx([value + 20 + 30 for value in values])


def test_a_logarithmic_range_is_cut_evenly_in_logarithms():
    (curve,) = curves_of(
        {"remove_small": {"ml": {"type": "float", "low": 0.01, "high": 1, "log": True}}},
        Postprocessing(remove_small={"ml": 0.1}),
        product_of,
        remove_small={"ml": 1},
    ).values()
    assert [value for value, _ in curve][::10] == pytest.approx([0.01, 0.0316228, 0.1, 0.316228, 1], rel=1e-4)


def test_whole_numbers_and_steps_stay_in_the_space():
    curves = curves_of(
        {
            "remove_small": {"voxels": {"type": "int", "low": 0, "high": 100, "step": 50}},
            "threshold": {"type": "float", "low": 0.3, "high": 0.9, "step": 0.3},
        },
        Postprocessing(threshold=0.6, remove_small={"voxels": 50}),
        product_of,
    )
    assert [value for value, _ in curves["postprocessing.remove_small.voxels"]] == [0, 50, 100]
    assert [value for value, _ in curves["postprocessing.threshold"]] == [0.3, 0.5, 0.6, 0.9]


def test_choices_that_are_no_numbers_keep_their_order():
    choices = [["threshold", "grow"], ["threshold"]]
    curves = curves_of(
        {
            "steps": {"type": "categorical", "choices": choices},
            "near_lesion": {"mm": {"type": "categorical", "choices": [None, 5.0]}},
        },
        Postprocessing(steps=("threshold", "near_lesion")),
        product_of,
    )
    assert [value for value, _ in curves["postprocessing.steps"]] == [
        *map(tuple, choices),
        ("threshold", "near_lesion"),
        ("threshold", "remove_small"),
    ]
    assert [value for value, _ in curves["postprocessing.near_lesion.mm"]] == [None, 5.0]


def test_a_value_that_contradicts_the_others_is_shown_as_what_it_is_mended_to():
    fitted = Postprocessing(steps=("threshold", "grow"), threshold=0.5, grow={"threshold": 0.2})
    space = {"grow": {"threshold": {"type": "categorical", "choices": [0.2, 0.5, 0.8]}}}
    (curve,) = curves_of(space, fitted, product_of).values()
    assert [value for value, _ in curve] == [0.2, 0.3, 0.5]
    assert [score for _, score in curve] == pytest.approx([20.5, 30.5, 50.5])


def test_points_without_a_score_are_left_out():
    def judge(settings: list[Postprocessing]) -> np.ndarray:
        return np.array([math.nan if one.threshold < 0.5 else 1.0 for one in settings])

    space = {"threshold": {"type": "categorical", "choices": [0.2, 0.6]}}
    assert curves_of(space, Postprocessing(), judge) == {"postprocessing.threshold": ((0.5, 1.0), (0.6, 1.0))}


def test_climbing_moves_one_value_at_a_time_to_the_top():
    def judge(settings: list[Postprocessing]) -> np.ndarray:
        asked.append(len(settings))
        return np.array([-abs(one.threshold - 0.44) - abs(one.remove_small.ml - 0.7) for one in settings])

    asked: list[int] = []
    config = validate({"study": {"name": "s"}, "postprocessing": {"threshold": 0.3}})
    content = {
        "threshold": {"type": "float", "low": 0.2, "high": 0.6},
        "remove_small": {"ml": {"type": "float", "low": 0, "high": 4}},
        "grow": {"threshold": {"type": "float", "low": 0.1, "high": 0.2}},  # no step of the chain
    }
    space = SettingsSpace(
        SearchSpace.parse({"postprocessing": content}, config).postprocessing, config.postprocessing
    )
    found = climb(space, (config.postprocessing, float(judge([config.postprocessing])[0])), judge)
    assert found == Postprocessing(threshold=0.44, remove_small={"ml": 0.7})
    assert asked == [1, 41 + 41, 41 + 41, 41 + 41]  # two moves, and a look around that finds nothing higher


def test_climbing_stays_where_nothing_is_higher_or_known():
    config = validate({"study": {"name": "s"}})
    content = {"postprocessing": {"threshold": {"type": "float", "low": 0.2, "high": 0.6}}}
    space = SettingsSpace(SearchSpace.parse(content, config).postprocessing, config.postprocessing)
    for value in (0.5, math.nan):
        start = (config.postprocessing, value)
        assert climb(space, start, lambda some, value=value: np.full(len(some), value)) == start[0]
