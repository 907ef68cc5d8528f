"""Samplers of the outer search, by the names of `tuning.sampler`: from the section and a seed to Optuna's object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from study.config import Tuning

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["random", "tpe"]


def tpe(tuning: Tuning, seed: int) -> BaseSampler:
    """Tree-structured Parzen estimators (Bergstra 2011); the first `tuning.startup_trials` are random."""
    from study.tuning.sampling import OneTrialTPE

    return OneTrialTPE(seed=seed, n_startup_trials=tuning.startup_trials)


def random(tuning: Tuning, seed: int) -> BaseSampler:
    """Each trial on its own (Bergstra 2012)."""
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)
