from __future__ import annotations

from typing import Any

import pytest

from search_spaces.space import SearchSpace
from study.config import Postprocessing, validate
from study.evaluation.settings_space import SettingsSpace, step_of, value_at

ORDERS = [["threshold"], ["threshold", "grow"], ["threshold", "near_lesion"]]


def space_of(content: dict[str, Any], **default: Any) -> SettingsSpace:
    config = validate({"study": {"name": "s"}, "postprocessing": default})
    return SettingsSpace(
        SearchSpace.parse({"postprocessing": content}, config).postprocessing, config.postprocessing
    )


def floating(low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, **more}


def test_values_by_path_replace_those_of_the_default():
    space = space_of(
        {"threshold": floating(0.1, 0.9)}, remove_small={"voxels": 3}, keep_biggest={"ratio": 0.2}
    )
    found = space.settings(
        {
            "postprocessing.threshold": 0.25,
            "postprocessing.remove_small.ml": 0.5,
            "postprocessing.steps": ["threshold", "grow"],
        }
    )
    assert found == Postprocessing(
        steps=("threshold", "grow"),
        threshold=0.25,
        grow={"threshold": 0.25},  # not above the threshold
        remove_small={"voxels": 3, "ml": 0.5},
        keep_biggest={"ratio": 0.2},
    )


@pytest.mark.parametrize(
    ("drawn", "threshold"), [(0.12345, 0.123), (0.1236, 0.124), (0.0001, 0.001), (0.9999, 0.999)]
)
def test_thresholds_are_rounded_to_kept_levels(drawn, threshold):
    space = space_of({"threshold": floating(0.0001, 0.9999)})
    assert space.settings({"postprocessing.threshold": drawn}).threshold == threshold
    values = {"postprocessing.grow.threshold": drawn}
    assert space.settings(values).grow.threshold == threshold


@pytest.mark.parametrize(
    ("content", "default", "lowest"),
    [
        ({}, {}, 0.5),
        ({"threshold": floating(0.1234, 0.9)}, {}, 0.123),
        ({"threshold": floating(0.6, 0.9)}, {}, 0.5),  # the default is judged, too
        ({"threshold": floating(0.0001, 0.9)}, {}, 0.001),
        ({"threshold": {"type": "categorical", "choices": [0.7, 0.2]}}, {}, 0.2),
        ({"grow": {"threshold": floating(0.05, 0.4)}}, {}, 0.5),  # never grows
        ({"grow": {"threshold": floating(0.05, 0.4)}}, {"steps": ORDERS[1]}, 0.05),
        ({"steps": {"type": "categorical", "choices": ORDERS}}, {}, 0.3),
        ({"steps": ORDERS[1]}, {}, 0.3),
        ({"steps": ORDERS[1], "grow": {"threshold": 0.1}}, {}, 0.1),
    ],
)
def test_the_lowest_threshold(content, default, lowest):
    assert space_of(content, **default).lowest == lowest


def test_the_grid_lists_each_setting_once():
    space = space_of(
        {
            "threshold": {"type": "categorical", "choices": [0.2, 0.2001, 0.4]},
            "grow": {"threshold": {"type": "categorical", "choices": [0.3, 0.4]}},
        },
        steps=ORDERS[1],
    )
    grid = space.enumerate(6)
    assert grid is not None
    assert [(one.threshold, one.grow.threshold) for one in grid] == [(0.2, 0.2), (0.4, 0.3), (0.4, 0.4)]
    assert space.enumerate(5) is None
    assert space_of({"threshold": floating(0.1, 0.9)}).enumerate(10**6) is None


def test_only_parameters_of_steps_that_are_taken_act():
    space = space_of(
        {
            "steps": {"type": "categorical", "choices": ORDERS},
            "threshold": floating(0.1, 0.9),
            "grow": {"threshold": floating(0.1, 0.9)},
            "near_lesion": {
                "mm": floating(0, 9, when={"postprocessing.steps": [ORDERS[2]]}),
                "voxels": floating(0, 9, when={"postprocessing.threshold": [0.5]}),
            },
            "keep_biggest": {"ratio": 0.3},
        }
    )

    def acting(steps: list[str], threshold: float) -> list[str]:
        settings = Postprocessing(steps=steps, threshold=threshold)
        return [parameter.path.removeprefix("postprocessing.") for parameter in space.acting(settings)]

    assert acting(ORDERS[0], 0.5) == ["steps", "threshold"]
    assert acting(ORDERS[1], 0.5) == ["steps", "threshold", "grow.threshold"]
    assert acting(ORDERS[2], 0.4) == ["steps", "threshold", "near_lesion.mm"]
    assert acting(ORDERS[2], 0.5) == ["steps", "threshold", "near_lesion.mm", "near_lesion.voxels"]
    turned = ["threshold", "near_lesion", "grow"]
    assert acting(turned, 0.4) == ["steps", "threshold", "grow.threshold"]
    assert acting(turned, 0.5) == ["steps", "threshold", "near_lesion.voxels", "grow.threshold"]


def test_a_condition_outside_of_the_post_processing_is_the_configuration_s():
    given = {"schedule.shape": ["linear"]}
    for shape, acts in (("linear", True), ("cosine", False)):
        config = validate({"study": {"name": "s"}, "schedule": {"shape": shape}})
        content = {"postprocessing": {"threshold": floating(0.1, 0.9, when=given)}}
        space = SettingsSpace(SearchSpace.parse(content, config).postprocessing, config.postprocessing)
        assert bool(space.acting(config.postprocessing)) is acts


def test_paths():
    assert [step_of(f"postprocessing.{path}") for path in ("threshold", "grow.threshold")] == [
        "threshold",
        "grow",
    ]
    assert step_of("postprocessing.settings.opened.voxels") == "opened"
    settings = Postprocessing(near_lesion={"mm": 5})
    assert value_at(settings, "postprocessing.near_lesion.mm") == 5
    assert value_at(settings, "postprocessing.steps") == ["threshold", "remove_small"]
