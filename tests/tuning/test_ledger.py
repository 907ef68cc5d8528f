"""The database of a study: which trial is handed out, and how its end is recorded; with a real SQLite, without Ray."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from studies import SCORES, complete, epoch, pruned

from search_spaces import SearchSpace
from study.config import Config, validate
from study.errors import StudyError
from study.records import FailedTrial, StudyFolder
from study.tuning.ledger import Ledger
from study.tuning.outcome import write_failure
from study.workflow.searching import search_plan


def make(tmp_path: Path, **tuning: Any) -> tuple[Config, StudyFolder]:
    config = validate({"study": {"name": "s", "root": str(tmp_path)}, "tuning": tuning})
    folder = StudyFolder(tmp_path, "s")
    folder.path.mkdir(exist_ok=True)
    return config, folder


def start(ledger: Ledger) -> tuple[int, float]:
    trial = ledger.next_trial()
    return trial.number, trial.suggest_float("x", 0.0, 1.0)


def finish(folder: StudyFolder, number: int, state: str, value: float) -> None:
    make_result = {"complete": complete, "pruned": pruned}[state]
    folder.trial(number).result.write(make_result(number, value))


def test_each_end_is_recorded_as_it_was(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    ledger = Ledger(search_plan(config), folder)
    for _ in range(5):
        start(ledger)
    ledger.report(0, 2, 0.3)
    ledger.report(0, 2, 0.9)  # reported twice: the first value is kept
    finish(folder, 0, "complete", 0.5)
    ledger.report(1, 2, 0.1)
    finish(folder, 1, "pruned", 0.1)
    finish(folder, 2, "complete", math.nan)
    write_failure(folder.trial(3), "TrainingError: the loss is not finite")
    for number in range(4):
        ledger.end(number)
        ledger.end(number)  # ended twice: recorded once

    trials = ledger.trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "FAIL", "FAIL", "RUNNING"]
    assert [trial.value for trial in trials] == [0.5, 0.1, None, None, None]
    assert trials[0].intermediate_values == {2: 0.3}
    assert ledger.ended == 4


def test_a_trial_that_was_told_to_stop_is_told_again_after_its_driver_has_died(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    before = Ledger(search_plan(config), folder)
    for _ in range(2):
        start(before)
    before.stop(1)
    before.stop(1)
    assert (before.is_stopped(0), before.is_stopped(1)) == (False, True)
    after = Ledger(search_plan(config), folder)
    assert (after.is_stopped(0), after.is_stopped(1)) == (False, True)


def test_interrupted_trials_are_handed_out_first_with_their_own_values(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    before = Ledger(search_plan(config), folder)
    started = [start(before) for _ in range(4)]
    finish(folder, 0, "complete", 0.5)
    before.end(0)
    finish(folder, 2, "complete", 0.7)  # ended on disk, and the driver died before telling it

    after = Ledger(search_plan(config), folder)
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
    before = Ledger(search_plan(config), folder)
    start(before)
    before.report(0, 2, 0.25)
    scores = {2: replace(SCORES, objective=0.25), 4: replace(SCORES, objective=0.5)}
    epochs = [epoch(number, validation=scores.get(number)) for number in range(1, 5)]
    folder.trial(0).training.epochs.write(epochs)
    finish(folder, 0, "pruned", 0.5)
    after = Ledger(search_plan(config), folder)
    assert after.intermediate_values() == {0: {2: 0.25, 4: 0.5}}
    assert after.trials()[0].value == 0.5


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_resumed_study_draws_what_an_uninterrupted_one_draws(tmp_path: Path, sampler: str) -> None:
    def run(root: Path, stops: set[int]) -> list[float]:
        root.mkdir()
        config, folder = make(root, sampler=sampler, startup_trials=3)
        ledger = Ledger(search_plan(config), folder)
        drawn = []
        for number in range(8):
            if number in stops:
                ledger = Ledger(search_plan(config), folder)
            drawn.append(start(ledger)[1])
            finish(folder, number, "complete", -((drawn[-1] - 0.3) ** 2))
            ledger.end(number)
        return drawn

    through = run(tmp_path / "a", set())
    assert run(tmp_path / "b", {2, 5}) == through
    assert len(set(through)) == 8


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_driver_that_is_killed_between_two_parameters_of_a_trial_changes_none(
    tmp_path: Path, sampler: str
) -> None:
    def draw(trial: optuna.trial.BaseTrial, count: int = 3) -> dict[str, float]:
        return {name: trial.suggest_float(name, 0.0, 1.0) for name in ("x", "y", "z")[:count]}

    def run(root: Path, stops: dict[int, int]) -> list[dict[str, float]]:
        root.mkdir()
        config, folder = make(root, sampler=sampler, startup_trials=3)
        ledger = Ledger(search_plan(config), folder)
        drawn = []
        for number in range(6):
            trial = ledger.next_trial()
            if number in stops:
                draw(trial, stops[number])
                ledger = Ledger(search_plan(config), folder)
                trial = ledger.next_trial()
            drawn.append(draw(trial))
            finish(folder, number, "complete", -sum((value - 0.3) ** 2 for value in drawn[-1].values()))
            ledger.end(number)
        return drawn

    through = run(tmp_path / "a", {})
    assert run(tmp_path / "b", {0: 1, 1: 2, 2: 3, 4: 1, 5: 2}) == through
    assert len({value for trial in through for value in trial.values()}) == 18


def test_trials_enqueued_by_hand_are_next(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    Ledger(search_plan(config), folder)
    study = optuna.load_study(study_name="s", storage=f"sqlite:///{folder.path}/optuna.db")
    study.enqueue_trial({"x": 0.125})
    assert start(Ledger(search_plan(config), folder)) == (0, 0.125)


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    for url in ("sqlite:////no/such/folder/o.db", "nonsense", "postgresql://nobody@127.0.0.1:1/none"):
        config, folder = make(tmp_path, storage=url)
        with pytest.raises(StudyError, match=r"tuning\.storage: the database cannot be opened"):
            Ledger(search_plan(config), folder)


def test_a_file_that_is_no_database_is_named_with_what_is_lost(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.database.write_bytes(b"no database " * 100)
    with pytest.raises(
        StudyError, match=r"optuna\.db: damaged .*; the search cannot go on, the trials are untouched"
    ):
        Ledger(search_plan(config), folder)


def test_a_database_of_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    url = f"sqlite:///{tmp_path}/shared.db"
    config, folder = make(tmp_path / "a", storage=url)
    with Ledger(search_plan(config), folder) as ledger:
        start(ledger)
        finish(folder, 0, "complete", 0.5)
        ledger.end(0)
    config, other = make(tmp_path / "b", storage=url)
    with pytest.raises(StudyError, match="trial 0 of 's' has ended in the database"):
        Ledger(search_plan(config), other)


def test_choices_in_turn_are_handed_out_in_order_and_once(tmp_path: Path) -> None:
    slices = {"type": "categorical", "choices": [12, 10], "in_turn": True}
    config, folder = make(tmp_path)
    config = config.with_values({"study.trials": 3, "search_space": {"model": {"slices": slices}}})
    space = SearchSpace.parse(config.search_space, config)

    def hand_out(ledger: Ledger) -> Any:
        trial = ledger.next_trial()
        values = space.suggest(trial)
        finish(folder, trial.number, "complete", 0.5)
        ledger.end(trial.number)
        return values["model.slices"]

    ledger = Ledger(search_plan(config), folder)
    assert [hand_out(ledger), hand_out(ledger)] == [12, 10]
    assert hand_out(Ledger(search_plan(config), folder)) == 12  # resumed: continues where it was


def test_a_trial_whose_result_was_removed_is_judged_again_under_its_number(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    plan = search_plan(config)
    with Ledger(plan, folder) as ledger:
        drawn = [start(ledger)[1] for _ in range(3)]
        for number in range(3):
            folder.trial(number).parameters.write({"x": drawn[number]})
            folder.trial(number).training.epochs.write([epoch(1), epoch(2)])
        ledger.report(1, 2, SCORES.objective)
        finish(folder, 0, "complete", 0.5)
        finish(folder, 1, "pruned", 0.25)
        for number in (0, 1):
            ledger.end(number)
    for number in (0, 1):
        folder.trial(number).result.path.unlink()

    with Ledger(plan, folder) as ledger:
        assert (ledger.ended, ledger.interrupted, ledger.settled) == (0, 3, [])
        assert [start(ledger) for _ in range(3)] == list(enumerate(drawn))
        assert not ledger.report(1, 2, 0.9)
        ledger.report(1, 3, 0.9)  # a new epoch changes nothing, either
        finish(folder, 0, "complete", 0.5)
        ledger.end(0)
        assert ledger.ended == 1
        ledger.take_back()
        assert ledger.interrupted == 2
        assert start(ledger) == (1, drawn[1])
        finish(folder, 1, "pruned", 0.25)
        ledger.end(1)
        trials = ledger.trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE", "PRUNED", "RUNNING"]
    assert [trial.value for trial in trials] == [0.5, SCORES.objective, None]
    assert trials[1].intermediate_values == {2: SCORES.objective}


def test_a_failed_trial_whose_result_was_removed_stays_failed(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    plan = search_plan(config)
    with Ledger(plan, folder) as ledger:
        start(ledger)
        folder.trial(0).parameters.write({"x": 0.1})
        write_failure(folder.trial(0), "TrainingError: the loss is not finite")
        ledger.end(0)
    folder.trial(0).result.path.unlink()
    with Ledger(plan, folder) as ledger:
        assert (ledger.ended, ledger.interrupted, ledger.settled) == (1, 0, [0])
    result = folder.trial(0).result.read()
    assert isinstance(result, FailedTrial)
    assert "is lost" in result.error


def test_a_database_that_knows_more_of_a_training_than_the_folder_is_refused(tmp_path: Path) -> None:
    config, folder = make(tmp_path)
    plan = search_plan(config)
    with Ledger(plan, folder) as ledger:
        start(ledger)
        folder.trial(0).parameters.write({"x": 0.1})
        folder.trial(0).training.epochs.write([epoch(1)])
        ledger.report(0, 2, 0.3)
        finish(folder, 0, "complete", 0.5)
        ledger.end(0)
    folder.trial(0).result.path.unlink()
    with pytest.raises(StudyError, match="trial 0 of 's' has ended in the database"):
        Ledger(plan, folder)
