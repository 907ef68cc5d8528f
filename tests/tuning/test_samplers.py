"""The sampler that is kept and seeded anew for each trial, against Optuna's own; and draws from priors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.samplers._tpe.sampler import default_gamma, default_gamma_multiobjective, default_weights

from search_spaces import SearchSpace
from study.config import Tuning, validate
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
def test_the_kept_tpe_draws_as_optuna_s_that_is_made_anew_for_each_trial(startup: int) -> None:
    def fresh(seed: int) -> optuna.samplers.BaseSampler:
        options = {"multivariate": True, "n_startup_trials": startup}
        return optuna.samplers.TPESampler(seed=seed, **options)

    kept = TrialSampler(Tuning(startup_trials=startup), 3)
    again = TrialSampler(Tuning(startup_trials=startup), 3)
    again._make = lambda tuning, seed: fresh(seed)
    again._kept = fresh(0)  # one that cannot be seeded anew
    plain = draws(lambda number: again)
    assert draws(lambda number: kept) == plain
    assert len({values["x"] for values in plain}) == 30


def test_options_that_optuna_lets_nobody_set_any_more_are_as_they_were() -> None:
    sampler = tpe(Tuning(), 0)
    numbers = [sampler._parzen_estimator_parameters.prior_weight, *map(default_gamma, (5, 50, 1000))]
    assert numbers == [1.0, 1, 5, 25]
    assert default_gamma_multiobjective(50) == 5
    assert list(default_weights(30))[:3] == pytest.approx(
        [1 / 30, 1 / 30 + (1 - 1 / 30) / 4, 0.5166666], abs=1e-6
    )
    assert sampler._parzen_estimator_parameters.consider_endpoints is False
    assert sampler._parzen_estimator_parameters.consider_magic_clip is True
    given = {"seed", "n_startup_trials", "n_ei_candidates", "multivariate", "group", "constant_liar"}
    fixed = {
        "consider_prior",
        "prior_weight",
        "consider_magic_clip",
        "consider_endpoints",
        "gamma",
        "weights",
    }
    silent = {"self", "warn_independent_sampling", "constraints_func"}
    assert set(inspect.signature(optuna.samplers.TPESampler.__init__).parameters) == given | fixed | silent


def test_nsga2_begins_at_random_and_goes_on_from_the_front() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    study.sampler = TrialSampler(Tuning(sampler="nsga2", population=20), 1)
    for _ in range(300):
        trial = study.ask()
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        study.tell(trial, [x - (y - 0.3) ** 2, x**2 + (y - 0.3) ** 2])
    distances = [abs(trial.params["y"] - 0.3) for trial in study.trials]
    assert np.mean(distances[-100:]) < 0.5 * np.mean(distances[:20])


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


def test_a_trial_that_is_taken_up_again_has_its_own_random_numbers() -> None:
    def study_of(seed: int) -> optuna.Study:
        return optuna.create_study(sampler=TrialSampler(Tuning(sampler="random"), seed))

    study, again = study_of(7), study_of(7)
    first = [study.ask().suggest_float("x", 0, 1) for _ in range(3)]
    taken_up = [again.ask() for _ in range(3)][1]
    trial = optuna.Trial(again, taken_up._trial_id)  # as the ledger continues an interrupted trial
    assert trial.suggest_float("x", 0, 1) == first[1]
    assert len({*first, study_of(8).ask().suggest_float("x", 0, 1)}) == 4


SPACE = {
    "schedule": {"hold": {"type": "float", "low": 0.0, "high": 0.9, "prior": {"at": 0.8, "width": 0.02}}},
    "modality_dropout": {"noise_std": {"type": "float", "low": 0.0, "high": 0.1}},
}


def drawn_with_priors(sampler: str, trials: int, **tuning: Any) -> list[dict[str, float]]:
    priors = SearchSpace.parse(SPACE, validate({"study": {"name": "s"}})).priors
    study = optuna.create_study(direction="maximize")
    study.sampler = TrialSampler(Tuning(sampler=sampler, **tuning), 5, priors)
    for _ in range(trials):
        trial = study.ask()
        hold = trial.suggest_float("schedule.hold", 0.0, 0.9)
        trial.suggest_float("modality_dropout.noise_std", 0.0, 0.1)
        study.tell(trial, -((hold - 0.1) ** 2))  # the prior is wrong
    return [dict(trial.params) for trial in study.trials]


def test_a_share_of_the_trials_follows_the_priors_and_halves() -> None:
    near = [abs(v["schedule.hold"] - 0.8) < 0.08 for v in drawn_with_priors("random", 400, prior_trials=100)]
    by_chance = 0.16 / 0.9
    shares = [np.mean(near[at : at + 100]) for at in (0, 300)]
    # A share of 0.5 that halves every 100 trials is 0.36 on average over the first hundred, 0.045 over the fourth.
    assert shares == pytest.approx([s + (1 - s) * by_chance for s in (0.36, 0.045)], abs=0.08)
    study = optuna.create_study(sampler=TrialSampler(Tuning(sampler="random"), 5))
    plain = [study.ask().suggest_float("schedule.hold", 0.0, 0.9) for _ in range(3)]
    assert [v["schedule.hold"] for v in drawn_with_priors("random", 3, prior_share=0)] == plain


def test_tpe_leaves_a_wrong_prior_behind() -> None:
    values = [v["schedule.hold"] for v in drawn_with_priors("tpe", 60)]
    first, last = np.array(values[:12]), np.array(values[-20:])
    assert np.mean(np.abs(first - 0.8) < 0.08) >= 0.25
    assert np.mean(np.abs(last - 0.1) < 0.1) >= 0.7


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2"])
def test_what_follows_a_prior_is_drawn_again_the_same(sampler: str) -> None:
    study = optuna.create_study(directions=["maximize"])
    priors = SearchSpace.parse(SPACE, validate({"study": {"name": "s"}})).priors
    tuning = Tuning(sampler=sampler, startup_trials=2, population=2, prior_share=1.0)
    study.sampler = TrialSampler(tuning, 5, priors)
    for number in range(6):
        trial = study.ask()
        first = trial.suggest_float("schedule.hold", 0.0, 0.9)
        study.sampler = TrialSampler(tuning, 5, priors)  # the driver was killed between two parameters
        other = optuna.create_study(directions=["maximize"], sampler=study.sampler)
        other.add_trials(study.trials[:number])
        assert other.ask().suggest_float("schedule.hold", 0.0, 0.9) == first
        trial.suggest_float("modality_dropout.noise_std", 0.0, 0.1)
        study.tell(trial, first)
