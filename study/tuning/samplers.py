"""Samplers of the outer search, by the names of `tuning.sampler`: from the section and a seed to Optuna's object.

All that Optuna lets one set without a warning is set here, so that no version of it changes a study's search. What it
has deprecated and will fix (the weights of TPE's trials, the share of good ones) is at its present values; a test fails
when these move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from study.config import Tuning

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

__all__ = ["nsga2", "random", "tpe"]

CROSSOVER, SWAPPING = 0.9, 0.5  # Deb et al. 2002, section IV; parameters are swapped one by one


def tpe(tuning: Tuning, seed: int) -> BaseSampler:
    """Tree-structured Parzen estimators (Bergstra 2011); the first `tuning.startup_trials` are random.

    Parameters that all trials share are drawn together, and trials that run count as bad ones (constant liar), so that
    trials that are drawn at the same time differ. With several objectives, good trials are those nearest to the Pareto
    front (Ozaki et al. 2020, GECCO).
    """
    from study.tuning.sampling import SeededTPE

    return SeededTPE(
        seed=seed,
        n_startup_trials=tuning.startup_trials,
        n_ei_candidates=tuning.candidates,
        multivariate=True,
        group=False,
        constant_liar=True,
    )


def nsga2(tuning: Tuning, seed: int) -> BaseSampler:
    """A genetic algorithm (NSGA-II, Deb et al. 2002); the first `tuning.population` trials are random."""
    from study.tuning.sampling import SeededNSGA2

    return SeededNSGA2(
        seed=seed,
        population_size=tuning.population,
        mutation=None,
        mutation_prob=None,  # one parameter of each child, on average
        crossover_prob=CROSSOVER,
        swapping_prob=SWAPPING,
    )


def random(tuning: Tuning, seed: int) -> BaseSampler:
    """Each trial on its own (Bergstra 2012)."""
    from study.tuning.sampling import SeededRandom

    return SeededRandom(seed=seed)
