"""The best of many settings that a sampler of Optuna proposes, judged in batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from search_spaces.space import SearchSpace
from study.evaluation.components import Values

if TYPE_CHECKING:
    import optuna

BATCH = 10  # proposals judged before their values go back to the sampler
Sampler = Literal["tpe", "nsga2"]
Setting = TypeVar("Setting")


def highest(
    settings: Sequence[Setting], values: Values, start: tuple[Setting, float]
) -> tuple[Setting, float]:
    """The setting with the highest value that is not nan, and that value; `start` where none is higher."""
    if values.size == 0 or np.isnan(values).all():
        return start
    at = int(np.nanargmax(values))
    better = np.isnan(start[1]) or values[at] > start[1]
    return (settings[at], float(values[at])) if better else start


def best_proposal(
    space: SearchSpace,
    make: Callable[[Mapping[str, Any]], Setting],
    judge: Callable[[Sequence[Setting]], Values],
    start: tuple[Setting, float],
    *,
    trials: int,
    sampler: Sampler,
    seed: int,
) -> tuple[Setting, float]:
    """The best of `start` and a number of proposals, and its value; `start` in a tie.

    Args:
        space: that settings are proposed from.
        make: makes a setting from a proposal's values by dotted path.
        judge: gives the values of some settings [S], higher is better; nan where it is not defined.
        start: the setting to beat, and its value.
        trials: number of proposals.
        sampler: tpe (Bergstra 2011), or nsga2 (Deb 2002), with one objective a plain genetic algorithm.
        seed: of the sampler.
    """
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    best = start
    try:
        study = optuna.create_study(direction="maximize", sampler=_sampler(sampler, seed))
        for begin in range(0, trials, BATCH):
            asked = [study.ask() for _ in range(min(BATCH, trials - begin))]
            settings = [make(space.suggest(trial)) for trial in asked]
            values = judge(settings)
            for trial, value in zip(asked, values.tolist(), strict=True):
                if np.isnan(value):
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
                else:
                    study.tell(trial, value)
            best = highest(settings, values, best)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return best


def _sampler(name: Sampler, seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.NSGAIISampler(seed=seed)
