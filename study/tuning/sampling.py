"""The sampler of a study: each trial draws with random numbers of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Protocol, runtime_checkable

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Parameter
from study.config import Tuning
from study.config.parts import find_part
from study.records.fronts import front_ranks

REMEMBERED, BEST = 1_000, 25  # the last trials and the best ones; TPE takes at most 25 for good


@runtime_checkable
class Reseedable(Protocol):
    """A sampler that can begin again with other random numbers."""

    def reseed(self, seed: int) -> None:
        """Begin again with the random numbers of a seed, and forget nothing else."""
        ...


class TrialSampler(BaseSampler):  # type: ignore[misc]
    """The sampler that `tuning.sampler` names, with random numbers of each trial's own, and the user's expectations.

    What a trial draws depends on the study's seed, the trial's number and the trials before it, and not on whether the
    study was interrupted in between. All that samplers learn is in the database. A parameter that is drawn on its own
    has random numbers of its own, too: a driver may be killed between two parameters of a trial. The sampler's object
    is kept and seeded anew; one of an installed package that cannot be is made anew for each trial.

    Some trials draw the parameters that have a prior from it: a share of `tuning.prior_share` at first, which halves
    every `tuning.prior_trials` trials. All others are drawn by the sampler, which learns from both: what the priors
    promise is found out early, and wrong ones are soon left behind (PriorBand, Mallik et al. 2023, NeurIPS, section 5,
    mixes priors, uniform draws and draws around the best; the last two are TPE's here).

    Args:
        tuning: names the sampler.
        seed: of the study.
        priors: the parameters with a prior, by the names of what is drawn.
    """

    def __init__(self, tuning: Tuning, seed: int, priors: Mapping[str, Parameter] | None = None) -> None:
        self._make = find_part("samplers", tuning.sampler)
        self._tuning = tuning
        self._seed = seed
        self._priors = priors or {}
        self._kept: BaseSampler = self._make(tuning, self._drawn(0, ""))

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Seed the sampler for the trial; Optuna calls this for each trial that is begun or taken up again."""
        self._kept = self._for(trial.number)
        self._kept.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are drawn together."""
        space: dict[str, BaseDistribution] = self._kept.infer_relative_search_space(study, trial)
        return space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw parameters together; in some trials, those that something is expected of are drawn as expected."""
        values: dict[str, Any] = self._kept.sample_relative(study, trial, search_space)
        expected = {name for name in values if name in self._priors} if self._follows(trial.number) else ()
        return values | {name: self._expected(trial.number, name) for name in sorted(expected)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter."""
        if param_name in self._priors and self._follows(trial.number):
            return self._expected(trial.number, param_name)
        own = self._for(trial.number, param_name)
        return own.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the sampler how a trial ended."""
        self._kept.after_trial(study, trial, state, values)

    def _follows(self, number: int) -> bool:
        """Whether a trial is one of those that are drawn from the priors."""
        share = self._tuning.prior_share * 0.5 ** (number / self._tuning.prior_trials)
        return bool(self._priors) and self._generator(number, "prior").random() < share

    def _expected(self, number: int, name: str) -> Any:
        return self._priors[name].expected(name, self._generator(number, f"prior {name}"))

    def _for(self, number: int, parameter: str = "") -> BaseSampler:
        seed = self._drawn(number, parameter)
        if not isinstance(self._kept, Reseedable):
            return self._make(self._tuning, seed)
        self._kept.reseed(seed)
        return self._kept

    def _drawn(self, number: int, parameter: str) -> int:
        return int(self._sequence(number, parameter).generate_state(1)[0])

    def _generator(self, number: int, purpose: str) -> np.random.Generator:
        return np.random.default_rng(self._sequence(number, purpose))

    def _sequence(self, number: int, purpose: str) -> np.random.SeedSequence:
        return np.random.SeedSequence([self._seed, number, *purpose.encode()])


class SeededRandom(RandomSampler):  # type: ignore[misc]
    """Optuna's random sampler, whose seed can be changed: Optuna's own `reseed_rng` takes none."""

    def reseed(self, seed: int) -> None:
        """Begin again with the random numbers of a seed."""
        self._rng.rng.seed(seed)


class SeededNSGA2(NSGAIISampler):  # type: ignore[misc]
    """Optuna's NSGA-II, whose seed can be changed; what its generations are is in the database."""

    def reseed(self, seed: int) -> None:
        """Begin again with the random numbers of a seed."""
        self._rng.rng.seed(seed)
        self._random_sampler._rng.rng.seed(seed)


class SeededTPE(TPESampler):  # type: ignore[misc]
    """Optuna's TPE, whose seed can be changed.

    Of all trials that are not among the best, it learns from the last ones: older ones have little weight, and in a
    large study each trial would cost more than the one before it.
    """

    def reseed(self, seed: int) -> None:
        """Begin again with the random numbers of a seed; the search space that all trials share is kept."""
        self._rng.rng.seed(seed)
        self._random_sampler._rng.rng.seed(seed)

    def _sample(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        values: dict[str, Any] = super()._sample(Remembered(study), trial, search_space)
        return values


class Remembered:
    """A study as TPE sees it: with the trials that it learns from, and all else as it is."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    @property
    def direction(self) -> StudyDirection:
        """Of what trials report while they run: with several objectives, their weighted mean, higher is better."""
        directions = self._study.directions
        return directions[0] if len(directions) == 1 else StudyDirection.MAXIMIZE

    def _get_trials(self, **wanted: Any) -> list[FrozenTrial]:
        """The last trials, and the best of those before; pruned ones count if too few are complete."""
        trials: list[FrozenTrial] = self._study._get_trials(**wanted)
        older, last = trials[:-REMEMBERED], trials[-REMEMBERED:]
        complete = [trial for trial in older if trial.state is TrialState.COMPLETE]
        if sum(trial.state is TrialState.COMPLETE for trial in trials) < BEST:
            return trials
        best = [
            complete[at] for at in _best_first([trial.values for trial in complete], self._study.directions)
        ]
        return [*sorted(best[:BEST], key=attrgetter("number")), *last]


def _best_first(values: Sequence[Sequence[float]], directions: Sequence[StudyDirection]) -> list[int]:
    """Places of the trials' values, the best first; with several objectives, those in front of others first."""
    signs = [1 if direction is StudyDirection.MAXIMIZE else -1 for direction in directions]
    higher = [[sign * value for sign, value in zip(signs, one, strict=True)] for one in values]
    keys = [-one[0] for one in higher] if len(signs) == 1 else front_ranks(higher)
    return sorted(range(len(values)), key=lambda at: keys[at])
