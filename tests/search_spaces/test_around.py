"""Ranges around the configured value."""

from __future__ import annotations

from typing import Any

import pytest
from space_cases import configure, draw, one, refuse

from search_spaces import SearchSpace


def searched(config: Any = None, section: str = "trainer", name: str = "learning_rate", **leaf: Any) -> Any:
    space = SearchSpace.parse(one(section, name, **leaf), config or configure())
    return space.parameters[0]


def test_a_range_goes_from_a_part_of_the_configured_value_to_a_multiple() -> None:
    rate = searched(type="float", around=3, log=True)
    assert (rate.low, rate.high, rate.log) == (0.00333333, 0.03, True)  # configured is 0.01
    adam = configure(trainer={"optimizer": "adam", "learning_rate": 2.5e-4})
    rate = searched(adam, type="float", around=10, log=True)
    assert (rate.low, rate.high) == (0.000025, 0.0025)


def test_an_end_that_is_given_stays() -> None:
    rate = searched(type="float", around=2, low=0.001)
    assert (rate.low, rate.high) == (0.001, 0.02)
    rate = searched(type="float", around=2, high=0.5)
    assert (rate.low, rate.high) == (0.005, 0.5)
    rate = searched(type="float", around=2, low=0.3, high=0.5)
    assert (rate.low, rate.high, rate.around) == (0.3, 0.5, None)


def test_whole_numbers_stay_whole_and_inside() -> None:
    channels = searched(section="model", name="base_channels", type="int", around=3)
    assert (channels.low, channels.high) == (11, 96)  # configured is 32; 10.7 is rounded up
    drawn = draw(SearchSpace.parse(one("model", "base_channels", type="int", around=1.1), configure()), 200)
    assert {values["model.base_channels"] for values in drawn} == set(range(30, 36))


@pytest.mark.parametrize(
    ("leaf", "complaint"),
    [
        ({"around": 1}, "around: must be a number above 1, by which the configured value is divided, got 1"),
        (
            {"around": "3"},
            "around: must be a number above 1, by which the configured value is divided, got '3'",
        ),
        ({"around": True}, "around: must be a number above 1"),
        ({"around": 3, "low": 0.1}, "low: must be below high=0.03, got 0.1"),
        (
            {"around": 300},
            "high: 3.0, around=300 times the configured value, is refused; trainer.learning_rate",
        ),
        ({"low": 0.1}, "high: required with type float and not given"),
    ],
)
def test_what_makes_no_range_is_refused(leaf: dict[str, Any], complaint: str) -> None:
    problem, *_ = refuse(one("trainer", "learning_rate", type="float", **leaf))
    assert problem.startswith(f"search_space.trainer.learning_rate.{complaint}")


def test_nothing_and_nought_have_no_range_around_them() -> None:
    (problem,) = refuse(one("modality_dropout", "noise_std", type="float", around=2), configure(
        modality_dropout={"noise_std": 0.0}
    ))  # fmt: skip
    assert "noise_std.around: the configured value is 0.0, and only a number above 0" in problem
    (problem,) = refuse(one("model", "stages", type="int", around=2))
    assert "stages.around: the configured value is None" in problem
    (problem,) = refuse(one("trainer", "optimizer", type="categorical", choices=["sgd"], around=2))
    assert "around: no such key; categorical has type, choices" in problem


def test_what_is_stored_holds_the_ends_and_gives_the_same_space_from_another_value() -> None:
    content = one("trainer", "learning_rate", type="float", around=3, log=True) | {"schedule": {"end": 0.0}}
    space = SearchSpace.parse(content, configure())
    stored = space.resolved(content)
    assert stored["trainer"]["learning_rate"] == {
        "type": "float",
        "log": True,
        "low": 0.00333333,
        "high": 0.03,
    }
    assert stored["schedule"] == {"end": 0.0}
    assert content["trainer"]["learning_rate"]["around"] == 3
    again = SearchSpace.parse(stored, configure(trainer={"learning_rate": 0.5}))
    ends = [(parameter.low, parameter.high) for parameter in again.parameters if parameter.kind == "float"]
    assert ends == [(0.00333333, 0.03)]
