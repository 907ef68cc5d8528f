"""Search spaces: every mistake that is refused."""

from __future__ import annotations

from typing import Any

import pytest
from space_cases import SYSTEMS, configure, one, refuse

from search_spaces import SearchSpace


def test_an_unknown_key_is_refused_with_the_legal_ones() -> None:
    problems = refuse(one("modality_dropout", "drop_prob", type="float", low=0, high=1))
    assert problems == [
        "search_space.modality_dropout.drop_prob: no such key; did you mean drop_probability?"
    ]


def test_every_mistake_is_told_at_once_each_with_its_path() -> None:
    problems = refuse(
        {
            "modality_dropout": {"drop_probability": {"type": "float", "low": 0.9, "high": 0.1}},
            "trainer": {"learning_rate": {"type": "float", "low": 0.0, "high": 0.1, "log": True}},
            "schedule": {"steps": {"type": "number", "low": 2, "high": 3}, "shape": "zigzag"},
            "typo": {"type": "float"},
        }
    )
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "search_space.modality_dropout.drop_probability.low",
        "search_space.schedule.shape",
        "search_space.schedule.steps.type",
        "search_space.trainer.learning_rate.low",
        "search_space.typo",
    ]


@pytest.mark.parametrize(
    ("leaf", "where", "what"),
    [
        ({"type": "float", "low": 0.1}, "high", "required"),
        ({"type": "float", "low": "a", "high": 1.0}, "low", "must be a finite number, got 'a'"),
        ({"type": "float", "low": True, "high": 1.0}, "low", "must be a finite number, got True"),
        ({"type": "float", "low": 0.1, "high": float("inf")}, "high", "must be a finite number, got inf"),
        ({"type": "float", "low": 0.1, "high": 0.1}, "low", "must be below high=0.1, got 0.1"),
        ({"type": "float", "low": 0.1, "high": 0.5, "log": "yes"}, "log", "must be true or false"),
        ({"type": "float", "low": 0.1, "high": 0.5, "log": True, "step": 0.1}, "step", "cannot be combined"),
        (
            {"type": "float", "low": 0.0, "high": 1.0, "step": 0.3},
            "step",
            "in steps of 0.3, 1.0 is not reached",
        ),
        ({"type": "float", "low": 0.0, "high": 1.0, "step": -1}, "step", "must be above 0"),
        ({"type": "float", "low": 0.1, "high": 0.5, "lgo": True}, "lgo", "no such key; float has type, low"),
        ({"type": "float", "low": 0.1, "high": 0.5, "size": 0}, "size", "at least 1, got 0"),
        ({"type": "categorical", "choices": []}, "choices", "at least one entry"),
        ({"type": "categorical"}, "choices", "required"),
        (
            {"low": 0.1, "high": 0.5},
            "type",
            "must be one of float, int, categorical, subsets, fixed, got None",
        ),
        (
            {"type": "float", "low": 0.1, "high": 1.5},
            "high",
            "1.5 is refused; modality_dropout.drop_probability:",
        ),
        ({"type": "float", "low": -0.1, "high": 0.5}, "low", "-0.1 is refused"),
        ({"type": "categorical", "choices": [0.1, "much"]}, "choices", "'much' is refused"),
        ({"type": "float", "low": 0.1, "high": 0.5, "size": 2}, "low", "[0.1, 0.1] is refused"),
        ({"type": "float", "low": 0.1, "high": 0.5, "when": ["x"]}, "when", "must map paths to lists"),
        (
            {"type": "float", "low": 0.1, "high": 0.5, "when": {"schedule.shape": "step"}},
            "when.schedule.shape",
            "list",
        ),
        (
            {"type": "float", "low": 0.1, "high": 0.5, "when": {"schedule.form": [1]}},
            "when.schedule.form",
            "neither",
        ),
        (
            {"type": "float", "low": 0.1, "high": 0.5, "when": {"schedule.shape": ["x"]}},
            "when.schedule.shape",
            "refused",
        ),
        (
            {"type": "float", "low": 0.1, "high": 0.5, "when": {"postprocessing.threshold": [0.5]}},
            "when.postprocessing.threshold",
            "searched after the training",
        ),
    ],
)
def test_a_bad_leaf_is_refused_where_it_is_wrong(leaf: dict[str, Any], where: str, what: str) -> None:
    problems = refuse(one("modality_dropout", "drop_probability", **leaf))
    assert problems[0].startswith(f"search_space.modality_dropout.drop_probability.{where}: ")
    assert what in problems[0]


def test_fractions_are_refused_for_a_whole_number() -> None:
    problems = refuse(one("schedule", "steps", type="float", low=2.0, high=8.0))
    assert len(problems) == 1
    assert problems[0].startswith("search_space.schedule.steps.type: float does not fit; schedule.steps:")
    assert "must be a whole number" in refuse(one("schedule", "steps", type="int", low=2.5, high=8))[0]


@pytest.mark.parametrize("searched", [{"type": "categorical", "choices": ["linear", "step"]}, "linear"])
def test_a_condition_may_name_a_value_that_the_space_has_been_narrowed_down_from(searched: Any) -> None:
    exponent = {"type": "float", "low": 1.0, "high": 2.0, "when": {"schedule.shape": ["polynomial"]}}
    steps = {"type": "int", "low": 2, "high": 3, "when": {"schedule.shape": ["step", "linear"]}}
    content = {"schedule": {"shape": searched, "exponent": exponent, "steps": steps}}
    space = SearchSpace.parse(content, configure())
    assert [parameter.path for parameter in space.unreached] == ["schedule.exponent"]
    assert [parameter.path for parameter in space.parameters] == ["schedule.shape", "schedule.steps"]
    exponent["when"] = {"schedule.shape": ["polynomal"]}
    (problem,) = refuse(content)
    assert problem.startswith("search_space.schedule.exponent.when.schedule.shape: 'polynomal' is refused")


def test_what_depends_on_something_that_is_never_set_follows_the_configuration() -> None:
    content = {
        "schedule": {
            "shape": {"type": "categorical", "choices": ["linear", "cosine"]},
            "steps": {"type": "int", "low": 2, "high": 4, "when": {"schedule.shape": ["step"]}},
            "hold": {"type": "float", "low": 0.0, "high": 0.4, "when": {"schedule.steps": [4]}},
            "finish": {"type": "float", "low": 0.5, "high": 1.0, "when": {"schedule.steps": [3]}},
        }
    }
    space = SearchSpace.parse(content, configure())  # the configured number of steps is 4
    assert {parameter.path for parameter in space.unreached} == {"schedule.steps", "schedule.finish"}


def test_a_rate_around_that_of_another_optimiser_is_refused() -> None:
    rate = {"type": "float", "around": 3, "log": True}
    (problem,) = refuse({"trainer": {"learning_rate": rate, "optimizer": "adam"}})
    assert problem.startswith(
        "search_space.trainer.learning_rate.around: the configured learning rate is for trainer.opt"
    )
    momentum = {"type": "float", "low": 0.5, "high": 0.99}
    assert (
        "for trainer.momentum=0.99" in refuse({"trainer": {"learning_rate": rate, "momentum": momentum}})[0]
    )
    SearchSpace.parse({"trainer": {"learning_rate": rate, "optimizer": "sgd"}}, configure())
    absolute = {"type": "float", "low": 0.0001, "high": 0.01, "log": True}
    SearchSpace.parse({"trainer": {"learning_rate": absolute, "optimizer": "adam"}}, configure())


def test_conditions_in_a_circle_are_refused() -> None:
    content = {
        "schedule": {
            "steps": {"type": "int", "low": 2, "high": 4, "when": {"schedule.exponent": [2.0]}},
            "exponent": {"type": "float", "low": 1.0, "high": 2.0, "when": {"schedule.steps": [3]}},
        }
    }
    assert "circle" in refuse(content)[0]


def test_ranges_are_tried_where_their_conditions_hold() -> None:
    """drops of 0 are refused with shape=free alone."""
    shape = {"type": "categorical", "choices": ["free", "linear"]}
    drops = {"type": "float", "low": 0.0, "high": 1.0, "size": 2, "when": {"schedule.shape": ["free"]}}
    problems = refuse({"schedule": {"shape": shape, "drops": drops}})
    assert problems[0].startswith("search_space.schedule.drops.low: [0.0, 0.0] is refused; schedule: drops")
    only_linear = {**drops, "when": {"schedule.shape": ["linear"]}}
    SearchSpace.parse({"schedule": {"shape": shape, "drops": only_linear}}, configure())


def test_ends_that_do_not_go_together_are_refused() -> None:
    content = {
        "schedule": {
            "hold": {"type": "float", "low": 0.0, "high": 0.6},
            "finish": {"type": "float", "low": 0.5, "high": 1.0},
        }
    }
    (problem,) = refuse(content)
    assert problem.startswith(
        "search_space.schedule.finish.low: 0.5 does not go with schedule.hold 0.6 (its high):"
    )


def test_sections_and_what_all_trials_share_cannot_be_searched() -> None:
    assert "is a section; search its keys: policy" in refuse({"modality_dropout": {"type": "float"}})[0]
    assert "is a section" in refuse({"schedule": 3})[0]
    for content in (
        {"study": {"seed": {"type": "int", "low": 0, "high": 5}}},
        {"trainer": {"epochs": {"type": "int", "low": 5, "high": 9}}},
        {"objective": {"full": {"type": "float", "low": 0.1, "high": 0.9}}},
    ):
        assert "is one for all trials of a study" in refuse(content)[0]


def test_a_parameter_in_turn_must_not_hang_on_what_is_drawn() -> None:
    content = {"model": {**SYSTEMS["model"], "name": {"type": "categorical", "choices": ["nnunet", "lstm"]}}}
    [problem] = refuse(content)
    assert problem.startswith("search_space.model.recurrent.kind.when.model.name: what is tried in turn")


def test_postprocessing_cannot_be_gone_through_in_turn() -> None:
    [problem] = refuse(one("postprocessing", "threshold", type="categorical", choices=[0.3], in_turn=True))
    assert problem.startswith("search_space.postprocessing.threshold.in_turn: ")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"in_turn": 1}, "search_space.model.slices.in_turn: must be true or false, got 1"),
        (
            {"in_turn": True, "size": 2},
            "search_space.model.slices.size: a list of independent entries cannot be tried in turn; "
            "leave one of the two out",
        ),
    ],
)
def test_what_in_turn_may_be(more: dict[str, Any], problem: str) -> None:
    assert refuse(one("model", "slices", type="categorical", choices=[10, 12], **more)) == [problem]
