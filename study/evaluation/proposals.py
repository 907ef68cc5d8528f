"""The best of many settings, by the samplers of Optuna, in batches that are judged at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from search_spaces.space import SearchSpace
from study.evaluation.objective import Values

if TYPE_CHECKING:
    import optuna

BATCH = 10  # proposals that are judged before the sampler learns of any of them
Sampler = Literal["tpe", "nsga2"]
Setting = TypeVar("Setting")


def highest(
    settings: Sequence[Setting], values: Values, start: tuple[Setting, float]
) -> tuple[Setting, float]:
    """The setting with the highest value that is not nan, and the value; `start` where none is above it."""
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
    """The best of `start` and of so many proposals, and its value; `start` in a tie.

    Args:
        space: what is proposed.
        make: a setting from a proposal's values by dotted path.
        judge: the values of some settings [S], higher is better; nan where there is none.
        start: the setting to beat, and its value.
        trials: number of proposals.
        sampler: tpe (Bergstra 2011), or nsga2 (Deb 2002), here with one objective: a genetic algorithm.
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
