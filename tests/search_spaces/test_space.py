"""Search spaces: what is read, what is drawn, and every mistake that is refused."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
import yaml

from search_spaces import DIRECTORY, SearchSpace
from study.config import Config, validate
from study.errors import ConfigError


def configure(**sections: Any) -> Config:
    return validate({"study": {"name": "s"}, **sections})


def draw(space: SearchSpace, number: int = 1, seed: int = 0) -> list[dict[str, Any]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [space.suggest(study.ask()) for _ in range(number)]


def refuse(content: dict[str, Any], config: Config | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        SearchSpace.parse(content, config or configure())
    return list(caught.value.problems)


def one(section: str, name: str, **leaf: Any) -> dict[str, Any]:
    return {section: {name: leaf}}


@pytest.mark.parametrize("name", ["none", "abrupt", "gradual", "schedules"])
def test_every_suggestion_of_a_file_is_a_valid_configuration(name: str) -> None:
    config = configure()
    text = (DIRECTORY / f"{name}.yaml").read_text()
    space = SearchSpace.parse(yaml.safe_load(text), config)
    assert text.startswith("# ")
    assert {p.path for p in space.postprocessing.parameters} == {
        "postprocessing.threshold",
        "postprocessing.remove_small.ml",
    }
    for values in draw(space.outer, 200):
        config.with_values(values)
        assert "trainer.learning_rate" in values
        assert not any(path.startswith("postprocessing.") for path in values)


def test_none_never_drops_and_abrupt_fades_nothing() -> None:
    for name, path, value in [
        ("none", "modality_dropout.drop_probability", 0.0),
        ("none", "schedule.shape", "none"),
        ("abrupt", "schedule.shape", "abrupt"),
    ]:
        space = SearchSpace.parse(yaml.safe_load((DIRECTORY / f"{name}.yaml").read_text()), configure())
        assert {values[path] for values in draw(space, 5)} == {value}


def test_numbers_stay_in_their_ranges_and_on_their_steps() -> None:
    content = {
        "trainer": {
            "learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
            "batch_size": {"type": "int", "low": 2, "high": 8, "step": 2},
            "momentum": {"type": "float", "low": 0.5, "high": 0.9, "step": 0.1},
            "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        }
    }
    drawn = draw(SearchSpace.parse(content, configure()), 300)
    rates = [values["trainer.learning_rate"] for values in drawn]
    assert 0.001 <= min(rates) < max(rates) <= 0.1
    assert sum(rate < 0.01 for rate in rates) == pytest.approx(
        150, abs=40
    )  # half of a log range of two decades
    assert {values["trainer.batch_size"] for values in drawn} == {2, 4, 6, 8}
    assert {round(values["trainer.momentum"], 6) for values in drawn} == {0.5, 0.6, 0.7, 0.8, 0.9}
    assert {values["trainer.optimizer"] for values in drawn} == {"sgd", "adam"}


def test_a_list_is_drawn_entry_by_entry_under_numbered_names() -> None:
    content = one("schedule", "drops", type="float", low=0.1, high=1.0, size=3)
    space = SearchSpace.parse(content, configure())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trial = study.ask()
    drops = space.suggest(trial)["schedule.drops"]
    assert list(trial.params) == ["schedule.drops.0", "schedule.drops.1", "schedule.drops.2"]
    assert drops == list(trial.params.values())


def test_a_choice_may_be_a_list(tmp_path: Any) -> None:
    content = one("modality_dropout", "droppable", type="categorical", choices=[["B0"], ["ADC", "B0"], []])
    space = SearchSpace.parse(content, configure())
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path}/o.db", sampler=optuna.samplers.RandomSampler(seed=0)
    )
    drawn = [space.suggest(study.ask())["modality_dropout.droppable"] for _ in range(20)]
    assert sorted({tuple(entry) for entry in drawn}) == [(), ("ADC", "B0"), ("B0",)]


def test_plain_values_are_fixed_for_all_trials() -> None:
    content = {"schedule": {"shape": "linear", "steps": {"type": "fixed", "value": 7}}}
    assert draw(SearchSpace.parse(content, configure())) == [
        {"schedule.shape": "linear", "schedule.steps": 7}
    ]


CONDITIONAL = {
    "schedule": {
        "exponent": {"type": "float", "low": 0.5, "high": 4.0, "when": {"schedule.shape": ["polynomial"]}},
        "shape": {
            "type": "categorical",
            "choices": ["linear", "polynomial"],
            "when": {"modality_dropout.policy": ["bernoulli"]},
        },
    },
    "modality_dropout": {"policy": {"type": "categorical", "choices": ["bernoulli", "uniform_subset"]}},
}


def test_conditions_hold_whatever_the_order_in_the_file() -> None:
    config = configure(schedule={"shape": "step"})
    forward = draw(SearchSpace.parse(CONDITIONAL, config), 60)
    reordered = {
        "modality_dropout": CONDITIONAL["modality_dropout"],
        "schedule": dict(reversed(CONDITIONAL["schedule"].items())),
    }
    assert draw(SearchSpace.parse(reordered, config), 60) == forward
    for values in forward:
        assert ("schedule.shape" in values) == (values["modality_dropout.policy"] == "bernoulli")
        assert ("schedule.exponent" in values) == (values.get("schedule.shape") == "polynomial")
    assert any("schedule.exponent" in values for values in forward)


def test_a_condition_may_name_a_setting_that_is_not_searched() -> None:
    content = one("schedule", "steps", type="int", low=2, high=8, when={"schedule": {"shape": ["step"]}})
    assert "schedule.steps" in draw(SearchSpace.parse(content, configure(schedule={"shape": "step"})))[0]
    assert draw(SearchSpace.parse(content, configure(schedule={"shape": "linear"}))) == [{}]


def test_an_unknown_key_is_refused_with_the_legal_ones() -> None:
    problems = refuse(one("modality_dropout", "drop_prob", type="float", low=0, high=1))
    assert problems == [
        "search_space.modality_dropout.drop_prob: no such key; modality_dropout has policy, droppable, "
        "drop_probability, draw, noise_std, theta, keep_at_least"
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


def test_a_condition_that_never_holds_is_refused() -> None:
    content = {
        "schedule": {
            "shape": {"type": "categorical", "choices": ["linear", "step"]},
            "exponent": {
                "type": "float",
                "low": 1.0,
                "high": 2.0,
                "when": {"schedule.shape": ["polynomial"]},
            },
        }
    }
    assert refuse(content) == [
        "search_space.schedule.exponent.when.schedule.shape: schedule.shape is never 'polynomial' in this search space"
    ]


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


SYSTEMS = {
    "model": {
        "name": {"type": "categorical", "choices": ["nnunet", "lstm"], "in_turn": True},
        "recurrent": {
            "kind": {
                "type": "categorical",
                "choices": ["llstm", "clstm"],
                "in_turn": True,
                "when": {"model.name": ["lstm"]},
            }
        },
    },
    "trainer": {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1}},
}


def test_parameters_in_turn_are_combined_where_their_conditions_hold() -> None:
    assert SearchSpace.parse(SYSTEMS, configure()).turns == (
        {"model.name": "nnunet"},
        {"model.name": "lstm", "model.recurrent.kind": "llstm"},
        {"model.name": "lstm", "model.recurrent.kind": "clstm"},
    )
    drawn = one("model", "slices", type="categorical", choices=[10, 12])
    assert SearchSpace.parse(drawn, configure()).turns == ()


def test_a_parameter_in_turn_must_not_hang_on_what_is_drawn() -> None:
    content = {"model": {**SYSTEMS["model"], "name": {"type": "categorical", "choices": ["nnunet", "lstm"]}}}
    [problem] = refuse(content)
    assert problem.startswith(
        "search_space.model.recurrent.kind.when.model.name: what is gone through in turn"
    )


def test_postprocessing_cannot_be_gone_through_in_turn() -> None:
    [problem] = refuse(one("postprocessing", "threshold", type="categorical", choices=[0.3], in_turn=True))
    assert problem.startswith("search_space.postprocessing.threshold.in_turn: ")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"in_turn": 1}, "search_space.model.slices.in_turn: must be true or false, got 1"),
        (
            {"in_turn": True, "size": 2},
            "search_space.model.slices.size: a list of independent entries cannot be gone through in turn; "
            "leave one of the two out",
        ),
    ],
)
def test_what_in_turn_may_be(more: dict[str, Any], problem: str) -> None:
    assert refuse(one("model", "slices", type="categorical", choices=[10, 12], **more)) == [problem]


GRID = {
    "schedule": {
        "shape": {"type": "categorical", "choices": ["step", "polynomial"]},
        "steps": {"type": "int", "low": 2, "high": 6, "step": 2, "when": {"schedule.shape": ["step"]}},
        "hold": {"type": "float", "low": 0.1, "high": 0.3, "step": 0.1},
        "end": 0.0,
    }
}


def test_the_grid_holds_every_trial_that_can_be_suggested() -> None:
    space = SearchSpace.parse(GRID, configure())
    grid = space.grid(100)
    assert grid is not None
    assert len(grid) == 3 * 3 + 3  # steps counts with shape=step alone
    assert {"schedule.shape": "polynomial", "schedule.hold": 0.3, "schedule.end": 0.0} in grid
    drawn = [
        {key: round(v, 9) if key == "schedule.hold" else v for key, v in d.items()} for d in draw(space, 300)
    ]
    assert {tuple(sorted(values.items())) for values in grid} == {tuple(sorted(d.items())) for d in drawn}


@pytest.mark.parametrize(("at_most", "there"), [(12, True), (11, False)])
def test_a_grid_of_too_many_trials_is_none(at_most: int, there: bool) -> None:
    assert (SearchSpace.parse(GRID, configure()).grid(at_most) is not None) is there


@pytest.mark.parametrize(
    "leaf",
    [
        one("schedule", "start", type="float", low=0.1, high=0.2),
        one("schedule", "drops", type="categorical", choices=[1.0], size=3),
        one("schedule", "steps", type="int", low=2, high=3) | one("trainer", "momentum", type="float", low=0, high=0.9),
        one("trainer", "batch_size", type="int", low=1, high=10**12),
    ],
)  # fmt: skip
def test_a_grid_that_cannot_be_listed_is_none(leaf: dict[str, Any]) -> None:
    assert SearchSpace.parse(leaf, configure()).grid(1000) is None


def test_the_grid_of_an_empty_space_is_one_trial_without_values() -> None:
    assert SearchSpace.parse({}, configure()).grid(5) == [{}]
