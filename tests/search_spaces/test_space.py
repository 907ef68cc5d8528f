"""Search spaces: what is drawn from them, tried in turn, and enumerated."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
import yaml
from space_cases import SYSTEMS, configure, draw, one

from search_spaces import DIRECTORY, SearchSpace


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


def test_parameters_in_turn_are_combined_where_their_conditions_hold() -> None:
    assert SearchSpace.parse(SYSTEMS, configure()).turns == (
        {"model.name": "nnunet"},
        {"model.name": "lstm", "model.recurrent.kind": "llstm"},
        {"model.name": "lstm", "model.recurrent.kind": "clstm"},
    )
    drawn = one("model", "slices", type="categorical", choices=[10, 12])
    assert SearchSpace.parse(drawn, configure()).turns == ()


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
    grid = space.enumerate(100)
    assert grid is not None
    assert len(grid) == 3 * 3 + 3  # steps counts with shape=step alone
    assert {"schedule.shape": "polynomial", "schedule.hold": 0.3, "schedule.end": 0.0} in grid
    drawn = [
        {key: round(v, 9) if key == "schedule.hold" else v for key, v in d.items()} for d in draw(space, 300)
    ]
    assert {tuple(sorted(values.items())) for values in grid} == {tuple(sorted(d.items())) for d in drawn}


@pytest.mark.parametrize(("at_most", "there"), [(12, True), (11, False)])
def test_a_grid_of_too_many_trials_is_none(at_most: int, there: bool) -> None:
    assert (SearchSpace.parse(GRID, configure()).enumerate(at_most) is not None) is there


@pytest.mark.parametrize(
    "leaf",
    [
        one("schedule", "start", type="float", low=0.1, high=0.2),
        one("schedule", "drops", type="categorical", choices=[1.0], size=3),
        one("schedule", "steps", type="int", low=2, high=3) | one("trainer", "momentum", type="float", low=0, high=0.9),
        one("trainer", "batch_size", type="int", low=1, high=2**31 - 1),
    ],
)  # fmt: skip
def test_a_grid_that_cannot_be_listed_is_none(leaf: dict[str, Any]) -> None:
    assert SearchSpace.parse(leaf, configure()).enumerate(1000) is None


def test_the_grid_of_an_empty_space_is_one_trial_without_values() -> None:
    assert SearchSpace.parse({}, configure()).enumerate(5) == [{}]
