"""The first trials of a search, from the database: the configured settings, then the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from studies import complete

from search_spaces import SearchSpace
from study.config import Config, validate
from study.records import StudyFolder
from study.tuning.ledger import Ledger
from study.workflow.searching import search_plan

SPACE = {
    "schedule": {
        "shape": {"type": "categorical", "choices": ["linear", "step"], "paper": "step"},
        "steps": {"type": "int", "low": 2, "high": 8, "when": {"schedule.shape": ["step"]}},
        "drops": {"type": "float", "low": 0.1, "high": 2.0, "size": 3},
    },
    "trainer": {"learning_rate": {"type": "float", "around": 3, "log": True}},
    "postprocessing": {"threshold": {"type": "float", "low": 0.2, "high": 0.8}},
}
CONFIGURED = {
    "schedule.shape": "linear",
    "schedule.drops": [1.0, 1.0, 1.0],
    "trainer.learning_rate": 0.02,
}
PAPER = {**CONFIGURED, "schedule.shape": "step", "schedule.steps": 5}


def make(root: Path, trials: int = 6, space: Any = SPACE, **tuning: Any) -> tuple[Config, StudyFolder]:
    config = validate(
        {
            "study": {"name": "s", "root": str(root), "trials": trials},
            "schedule": {"shape": "linear", "steps": 5},
            "trainer": {"learning_rate": 0.02},
            "tuning": tuning,
            "search_space": space,
        }
    )
    folder = StudyFolder(root, "s")
    folder.path.mkdir(exist_ok=True)
    return config, folder


def run(config: Config, folder: StudyFolder, ledger: Ledger, trials: int) -> list[dict[str, Any]]:
    space = SearchSpace.parse(config.search_space, config).outer
    values = []
    for _ in range(trials):
        trial = ledger.next_trial()
        values.append(space.suggest(trial))
        folder.trial(trial.number).result.write(complete(trial.number, 0.5 + 0.01 * trial.number))
        ledger.end(trial.number)
    return values


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_first_trial_is_the_configured_one_and_the_second_the_paper_s(
    tmp_path: Path, sampler: str
) -> None:
    config, folder = make(tmp_path, sampler=sampler, startup_trials=0)
    drawn = run(config, folder, Ledger(search_plan(config), folder), 6)
    assert drawn[:2] == [CONFIGURED, PAPER]
    rates = {values["trainer.learning_rate"] for values in drawn[2:]}
    assert len(rates) == 4
    assert 0.02 not in rates


def test_a_study_that_died_before_its_first_trials_begins_with_them_when_it_is_resumed(
    tmp_path: Path,
) -> None:
    config, folder = make(tmp_path)
    Ledger(search_plan(config), folder)  # has enqueued them
    interrupted = Ledger(search_plan(config), folder)
    trial = interrupted.next_trial()
    assert trial.number == 0
    space = SearchSpace.parse(config.search_space, config).outer
    assert space.suggest(trial) == CONFIGURED
    resumed = Ledger(
        search_plan(config), folder
    )  # trial 0 has been interrupted, trial 1 was never handed out
    assert run(config, folder, resumed, 3)[:2] == [CONFIGURED, PAPER]
    assert len(resumed.trials()) == 3


def test_a_longer_study_begins_once(tmp_path: Path) -> None:
    config, folder = make(tmp_path, trials=1)
    assert run(config, folder, Ledger(search_plan(config), folder), 1) == [CONFIGURED]
    config, folder = make(tmp_path, trials=4)
    later = run(config, folder, Ledger(search_plan(config), folder), 3)
    assert later[0] == PAPER
    assert CONFIGURED not in later


def test_each_choice_in_turn_begins_with_the_configured_settings(tmp_path: Path) -> None:
    slices = {"slices": {"type": "categorical", "choices": [10, 12], "in_turn": True}}
    rate = {"learning_rate": {"type": "float", "low": 0.001, "high": 0.1, "log": True}}
    config, folder = make(tmp_path, space={"model": slices, "trainer": rate}, trials=5)
    drawn = run(config, folder, Ledger(search_plan(config), folder), 3)
    drawn += run(config, folder, Ledger(search_plan(config), folder), 2)
    assert [values["model.slices"] for values in drawn] == [12, 10, 12, 10, 12]  # 12 is configured
    assert [values["trainer.learning_rate"] == 0.02 for values in drawn] == [True, True, False, False, False]


def test_where_all_is_fixed_nothing_waits(tmp_path: Path) -> None:
    config, folder = make(tmp_path, space={"schedule": {"shape": "linear"}})
    assert Ledger(search_plan(config), folder).trials() == []
