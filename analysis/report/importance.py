"""Which searched settings the objective depends on, after Optuna's evaluators."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analysis.report.view import TrialView
from search_spaces.parameter import Parameter, encode
from search_spaces.space import SearchSpace

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.importance import BaseImportanceEvaluator

FEWEST_TRIALS = 10  # complete ones, below which importances are noise
TREES = 32  # of fANOVA's forest; half of Optuna's default, which take a fifth of a report's time


@dataclass(frozen=True)
class Importance:
    """How much of the objective a setting decides.

    Attributes:
        path: of the setting.
        fanova: its share of the variance over the whole space (Hutter et al. 2014).
        ped_anova: its share of what sets the better half of the trials apart (Watanabe et al. 2023).
    """

    path: str
    fanova: float
    ped_anova: float


def importances(trials: Sequence[TrialView], space: SearchSpace, seed: int) -> list[Importance]:
    """The settings that every trial searched, the most important first; none for fewer than 10 complete trials.

    Args:
        trials: complete ones, with a defined objective.
        space: what is searched outside of the post-processing.
        seed: of the forests of fANOVA.
    """
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    if len(trials) < FEWEST_TRIALS:
        return []
    study = _in_memory(trials, space)
    shared = sorted(optuna.search_space.intersection_search_space(study.trials))
    if not shared:
        return []
    fanova = _shares(FanovaImportanceEvaluator(n_trees=TREES, seed=seed), study, shared)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        better_half = PedAnovaImportanceEvaluator(target_quantile=0.5)
    ped_anova = _shares(better_half, study, shared)
    found = [Importance(path, float(fanova[path]), float(ped_anova[path])) for path in shared]
    return sorted(found, key=lambda one: (-one.fanova, one.path))


def _shares(evaluator: BaseImportanceEvaluator, study: optuna.Study, names: list[str]) -> dict[str, float]:
    import optuna

    found: dict[str, float] = optuna.importance.get_param_importances(
        study, evaluator=evaluator, params=names
    )
    return found


def _in_memory(trials: Sequence[TrialView], space: SearchSpace) -> optuna.Study:
    """The trials as Optuna knows them, whichever database the search is in."""
    import optuna
    from optuna.trial import create_trial

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    optuna.logging.set_verbosity(verbosity)
    known = {name: one for parameter in space.parameters for name, one in _distributions(parameter).items()}
    for trial in trials:
        values = {name: value for name, value in _flat(trial.searched).items() if name in known}
        distributions = {name: known[name] for name in values}
        study.add_trial(create_trial(params=values, distributions=distributions, value=trial.value))
    return study


def _distributions(parameter: Parameter) -> dict[str, BaseDistribution]:
    """Optuna's distribution of a parameter, by name; those of its entries for a list."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    one: BaseDistribution
    if parameter.kind == "fixed":
        return {}
    if parameter.kind == "categorical":
        one = CategoricalDistribution([encode(choice) for choice in parameter.choices])
    elif parameter.kind == "int":
        low, high, step = int(parameter.low), int(parameter.high), int(parameter.step or 1)
        one = IntDistribution(low, high, log=parameter.log, step=step)
    else:
        one = FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if parameter.size is None:
        return {parameter.path: one}
    return {f"{parameter.path}.{index}": one for index in range(parameter.size)}


def _flat(searched: dict[str, Any]) -> dict[str, Any]:
    """Values by Optuna's names: a list of numbers entry by entry, any other choice as its storages hold it."""
    flat: dict[str, Any] = {}
    for path, value in searched.items():
        if isinstance(value, list) and value and all(isinstance(entry, int | float) for entry in value):
            flat |= {f"{path}.{index}": entry for index, entry in enumerate(value)}
        else:
            flat[path] = encode(value)
    return flat
