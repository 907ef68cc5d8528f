"""The database of a study: who is handed out, how ends are told; with a real SQLite, without Ray."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import optuna
import pytest

from search_spaces import SearchSpace
from study.config import Config, validate
from study.errors import CohortError, Problem, StudyError, TrainingError
from study.results import StudyFolder, write_json
from study.tuning.ledger import Ledger
from study.tuning.outcome import write_failure


def make(tmp_path: Path, **tuning: Any) -> tuple[Config, StudyFolder]:
    config = validate({"study": {"name": "s", "root": str(tmp_path)}, "tuning": tuning})
    folder = StudyFolder(tmp_path, "s")
    folder.path.mkdir(exist_ok=True)
    return config, folder


def start(ledger: Ledger) -> tuple[int, float]:
    trial = ledger.next_trial()
    return trial.number, trial.suggest_float("x", 0.0, 1.0)


def finish(folder: StudyFolder, number: int, state: str, value: float | None) -> None:
    write_json(folder.trial(number).result, {"state": state, "value": value})


def test_each_end_is_told_as_it_was(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    ledger = Ledger(config, folder)
    for _ in range(5):
        start(ledger)
    ledger.report(0, 2, 0.3)
    ledger.report(0, 2, 0.9)  # told twice: the first stays
    finish(folder, 0, "complete", 0.5)
    ledger.report(1, 2, 0.1)
    finish(folder, 1, "pruned", 0.1)
    finish(folder, 2, "complete", math.nan)
    write_failure(folder.trial(3), TrainingError("the loss is not finite"))
    for number in range(5):  # trial 4 left nothing
        ledger.end(number)
        ledger.end(number)  # told twice: once is enough

    trials = ledger.trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "FAIL", "FAIL", "FAIL"]
    assert [trial.value for trial in trials] == [0.5, 0.1, None, None, None]
    assert trials[0].intermediate_values == {2: 0.3}
    assert ledger.ended == 5
    died = folder.trial(4).read_result()
    assert died is not None
    assert died["state"] == "failed"
    assert "max_failures" in died["error"]


def test_interrupted_trials_are_handed_out_first_with_their_own_values(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    before = Ledger(config, folder)
    started = [start(before) for _ in range(4)]
    finish(folder, 0, "complete", 0.5)
    before.end(0)
    finish(folder, 2, "complete", 0.7)  # ended on disk, and the driver died before telling it

    after = Ledger(config, folder)
    assert (after.ended, after.interrupted, after.settled) == (2, 2, [2])
    assert after.trials()[2].value == 0.7
    assert [start(after), start(after)] == [started[1], started[3]]
    assert after.interrupted == 0
    number, value = start(after)
    assert number == 4
    assert value not in [x for _, x in started]
    assert len(after.trials()) == 5


def test_reports_that_died_with_the_driver_are_read_from_the_trials_epochs(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    before = Ledger(config, folder)
    start(before)
    before.report(0, 2, 0.25)
    lines = [{"epoch": 1}, {"epoch": 2, "objective": 0.25}, {"epoch": 3}, {"epoch": 4, "objective": 0.5}]
    folder.trial(0).path.mkdir(parents=True, exist_ok=True)
    folder.trial(0).epochs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    finish(folder, 0, "pruned", 0.5)
    after = Ledger(config, folder)
    assert after.intermediate_values() == {0: {2: 0.25, 4: 0.5}}
    assert after.trials()[0].value == 0.5


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_resumed_study_draws_what_an_uninterrupted_one_draws(tmp_path: Path, sampler: str) -> None:
    def run(root: Path, stops: set[int]) -> list[float]:
        root.mkdir()
        config, folder = make(root, sampler=sampler, startup_trials=3)
        ledger = Ledger(config, folder)
        drawn = []
        for number in range(8):
            if number in stops:
                ledger = Ledger(config, folder)
            drawn.append(start(ledger)[1])
            finish(folder, number, "complete", -((drawn[-1] - 0.3) ** 2))
            ledger.end(number)
        return drawn

    through = run(tmp_path / "a", set())
    assert run(tmp_path / "b", {2, 5}) == through
    assert len(set(through)) == 8


def test_trials_enqueued_by_hand_are_next(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    Ledger(config, folder)
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{folder.path}/optuna.db")
    study.enqueue_trial({"x": 0.125})
    assert start(Ledger(config, folder)) == (0, 0.125)


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for url in ("sqlite:////no/such/folder/o.db", "nonsense", "postgresql://nobody@127.0.0.1:1/none"):
        config, folder = make(tmp_path, storage=url)
        with pytest.raises(StudyError, match=r"tuning\.storage: the database cannot be opened"):
            Ledger(config, folder)


def test_a_database_of_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    url = f"sqlite:///{tmp_path}/shared.db"
    config, folder = make(tmp_path / "a", storage=url)
    ledger = Ledger(config, folder)
    start(ledger)
    finish(folder, 0, "complete", 0.5)
    ledger.end(0)
    config, other = make(tmp_path / "b", storage=url)
    with pytest.raises(StudyError, match="trial 0 of 's' has ended in the database"):
        Ledger(config, other)


def test_a_failure_names_no_subject(tmp_path: Path) -> None:
    _, folder = make(tmp_path)
    folder.trial(0).path.mkdir(parents=True)
    write_failure(
        folder.trial(0), CohortError([Problem("Jane Doe", Path("jane.nii"), "is torn", "scan again")])
    )
    result = folder.trial(0).read_result()
    assert result is not None
    assert result["error"] == "CohortError: 1 problems; `python -m study.cohort check` lists them"


def test_what_is_gone_through_in_turn_is_handed_out_in_its_order_and_once(tmp_path: Path) -> None:
    slices = {"type": "categorical", "choices": [10, 12], "in_turn": True}
    config, folder = make(tmp_path)
    config = config.with_values({"study.trials": 3, "search_space": {"model": {"slices": slices}}})
    space = SearchSpace.parse(config.search_space, config)

    def hand_out(ledger: Ledger) -> Any:
        trial = ledger.next_trial()
        values = space.suggest(trial)
        finish(folder, trial.number, "complete", 0.5)
        ledger.end(trial.number)
        return values["model.slices"]

    ledger = Ledger(config, folder)
    assert [hand_out(ledger), hand_out(ledger)] == [10, 12]
    assert hand_out(Ledger(config, folder)) == 10  # resumed: goes on where it was
