"""The sampler that is made anew for each trial, against Optuna's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
import pytest

from study.config import Tuning
from study.tuning.samplers import tpe
from study.tuning.sampling import TrialSampler


def draws(sampler_of: Callable[[int], optuna.samplers.BaseSampler]) -> list[dict[str, float]]:
    """What is drawn where three trials run at a time and end out of order: complete, pruned, failed."""
    states = optuna.trial.TrialState
    study = optuna.create_study(direction="maximize")
    running: list[optuna.Trial] = []
    drawn = []
    for number in range(30):
        study.sampler = sampler_of(number)
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        if number % 7 == 6:  # from here on, not all trials have the parameter
            trial.suggest_float("late", 0, 1)
        elif trial.suggest_categorical("kind", ["a", "b"]) == "a":
            trial.suggest_int("steps", 1, 9, log=True)
        drawn.append(dict(trial.params))
        trial.report(x, 1)
        running.append(trial)
        if len(running) == 3:
            ended = running.pop(number % 3)
            state = (states.COMPLETE, states.COMPLETE, states.PRUNED, states.FAIL)[ended.number % 4]
            study.tell(ended, x * (1 - x) if state == states.COMPLETE else None, state=state)
    return drawn


@pytest.mark.parametrize("startup", [0, 5])
def test_tpe_draws_as_optuna_s_that_compares_all_trials_for_each(startup: int) -> None:
    plain = draws(lambda number: optuna.samplers.TPESampler(seed=number, n_startup_trials=startup))
    assert draws(lambda number: tpe(Tuning(startup_trials=startup), number)) == plain
    assert len({values["x"] for values in plain}) == 30


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_in_a_large_study_tpe_learns_from_the_best_of_all_trials_and_from_the_last(
    direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.tuning.sampling.REMEMBERED", 300)
    complete, pruned = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=1))
    for number in range(600):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        value = (number * 7919 % 600) / 600  # each once, in an order without a trend
        trial.report(value, 1)
        state = pruned if number % 3 == 0 else complete
        study.tell(trial, value if state is complete else None, state=state)

    seen: list[list[int]] = []
    build = optuna.samplers.TPESampler._build_parzen_estimator

    def spy(sampler: Any, of: Any, space: Any, trials: Any, handle_below: bool) -> Any:
        seen.append([trial.number for trial in trials])
        return build(sampler, of, space, trials, handle_below)

    monkeypatch.setattr(optuna.samplers.TPESampler, "_build_parzen_estimator", spy)
    for sampler in (tpe(Tuning(), 0), optuna.samplers.TPESampler(seed=0)):
        study.sampler = sampler
        study.ask().suggest_float("x", 0, 1)
    good, others, good_of_all, others_of_all = seen
    assert good == good_of_all
    assert set(others) | set(good) >= {number for number in others_of_all if 300 < number < 600}
    assert len(others) <= 325 < len(others_of_all)


def test_two_studies_of_one_process_keep_their_spaces_apart() -> None:
    spaces = []
    for name in ("x", "y"):
        study = optuna.create_study()
        for number in range(2):
            study.sampler = tpe(Tuning(startup_trials=0), number)
            trial = study.ask()
            trial.suggest_float(name, 0, 1)
            study.tell(trial, 0.0)
        spaces.append(study.sampler.infer_relative_search_space(study, study.trials[-1]))
    assert [list(space) for space in spaces] == [["x"], ["y"]]


def test_a_trial_that_is_taken_up_again_has_its_own_random_numbers() -> None:
    def study_of(seed: int) -> optuna.Study:
        return optuna.create_study(sampler=TrialSampler(Tuning(sampler="random"), seed))

    study, again = study_of(7), study_of(7)
    first = [study.ask().suggest_float("x", 0, 1) for _ in range(3)]
    taken_up = [again.ask() for _ in range(3)][1]
    trial = optuna.Trial(again, taken_up._trial_id)  # as the ledger continues an interrupted trial
    assert trial.suggest_float("x", 0, 1) == first[1]
    assert len({*first, study_of(8).ask().suggest_float("x", 0, 1)}) == 4
