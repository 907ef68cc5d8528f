"""The database of a study with a Pareto front: what it is told, pruning, and resuming; without Ray."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from studies import complete, pruned

from study.config import Config, validate
from study.records import StudyFolder
from study.records.results import Goals
from study.tuning.judgement import Judgement
from study.tuning.ledger import Ledger
from study.tuning.messages import Report
from study.workflow.searching import search_plan

SPACE = {"modality_dropout": {"drop_probability": {"type": "float", "low": 0.0, "high": 1.0}}}


def make(root: Path, **tuning: Any) -> tuple[Config, StudyFolder]:
    root.mkdir(exist_ok=True)
    config = validate(
        {
            "study": {"name": "s", "root": str(root), "trials": 40},
            "trainer": {"epochs": 4, "validate_every": 1},
            "schedule": {"clock": "rung"},
            "objective": {"front": ["full", "predict_s"]},
            "tuning": {"startup_trials": 3, "population": 4, "first_rung": 0.5, **tuning},
            "search_space": SPACE,
        }
    )
    folder = StudyFolder(root, "s")
    folder.path.mkdir(exist_ok=True)
    return config, folder


def run(config: Config, folder: StudyFolder, trials: int, stops: tuple[int, ...] = ()) -> list[float]:
    """Trials whose Dice rises with a setting and whose seconds do, too; every fifth is pruned."""
    plan = search_plan(config)
    ledger = Ledger(plan, folder)
    drawn = []
    for number in range(trials):
        if number in stops:
            ledger._database.close()
            ledger = Ledger(plan, folder)
        judge = Judgement(plan, ledger, lambda n: None, lambda n: None)
        trial = ledger.next_trial()
        (x,) = plan.suggest(trial).values()
        drawn.append(x)
        judge(number, Report(2, x))
        if number % 5 == 4:
            folder.trial(number).result.write(pruned(number, x))
        else:
            seconds = math.nan if number == 7 else 1 + x
            reached = Goals(full=x, missing=0.2, worst_center=0.1, train_s=1.0, predict_s=seconds)
            folder.trial(number).result.write(complete(number, x, goals=reached))
        ledger.end(number)
    ledger._database.close()
    return drawn


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "random"])
def test_a_front_is_searched_pruned_and_resumed(tmp_path: Path, sampler: str) -> None:
    config, folder = make(tmp_path / "a", sampler=sampler)
    through = run(config, folder, 14)
    stored = optuna.load_study(study_name="s", storage=f"sqlite:///{folder.path}/optuna.db")
    assert [one.name for one in stored.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert stored.trials[0].values == [through[0], 1 + through[0]]
    assert [trial.state.name for trial in stored.trials[4:8]] == ["PRUNED", "COMPLETE", "COMPLETE", "FAIL"]
    assert stored.trials[4].intermediate_values == {2: through[4]}
    config, folder = make(tmp_path / "b", sampler=sampler)
    assert run(config, folder, 14, stops=(3, 9)) == through
    assert len(set(through)) == 14
