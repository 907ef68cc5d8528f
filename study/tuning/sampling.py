"""The sampler of a study: each trial draws with random numbers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from study.config import Tuning
from study.config.parts import find_part

REMEMBERED, BEST = 1_000, 25  # the last trials and the best ones; TPE takes at most 25 for good
_SPACES: WeakKeyDictionary[Study, IntersectionSearchSpace] = WeakKeyDictionary()


class TrialSampler(BaseSampler):  # type: ignore[misc]
    """Makes the sampler that `tuning.sampler` names anew for each trial, with a seed of the trial's own.

    What a trial draws therefore depends on the study's seed, the trial's number and the trials before it, and not on
    whether the study was interrupted in between. All that samplers learn is in the database. A parameter that is drawn
    on its own has random numbers of its own, too: a driver may be killed between two parameters of a trial.

    Args:
        tuning: names the sampler.
        seed: of the study.
    """

    def __init__(self, tuning: Tuning, seed: int) -> None:
        self._make = find_part("samplers", tuning.sampler)
        self._tuning = tuning
        self._seed = seed
        self._own: BaseSampler = self._for(0)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the trial's sampler; Optuna calls this for each trial that is begun or taken up again."""
        self._own = self._for(trial.number)
        self._own.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are drawn together."""
        space: dict[str, BaseDistribution] = self._own.infer_relative_search_space(study, trial)
        return space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw parameters together."""
        values: dict[str, Any] = self._own.sample_relative(study, trial, search_space)
        return values

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one parameter."""
        own = self._for(trial.number, param_name)
        return own.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the sampler how a trial ended."""
        self._own.after_trial(study, trial, state, values)

    def _for(self, number: int, parameter: str = "") -> BaseSampler:
        drawn = int(np.random.SeedSequence([self._seed, number, *parameter.encode()]).generate_state(1)[0])
        return self._make(self._tuning, drawn)


class OneTrialTPE(TPESampler):  # type: ignore[misc]
    """The TPE of one trial, which takes up the search space where those of earlier trials left it.

    TPE works out from all trials which parameters they share, and Optuna's object goes on from the trials that it has
    seen. As an object here lives for one trial, that knowledge is kept by study; without it, each trial would compare
    all before it.

    Of all trials that are not among the best, it learns from the last ones: older ones have little weight, and in a
    large study each trial would cost more than the one before it.
    """

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that all trials share, without those of a single value; as Optuna's own for one objective."""
        space = _SPACES.setdefault(study, IntersectionSearchSpace(include_pruned=True))
        shared = space.calculate(study, use_cache=True)
        return {name: distribution for name, distribution in shared.items() if not distribution.single()}

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

    def _get_trials(self, **wanted: Any) -> list[FrozenTrial]:
        """The last trials, and the best of those before; pruned ones count if too few are complete."""
        trials: list[FrozenTrial] = self._study._get_trials(**wanted)
        older, last = trials[:-REMEMBERED], trials[-REMEMBERED:]
        complete = [trial for trial in older if trial.state is TrialState.COMPLETE]
        if sum(trial.state is TrialState.COMPLETE for trial in trials) < BEST:
            return trials
        highest = self._study.direction is StudyDirection.MAXIMIZE
        best = sorted(complete, key=attrgetter("value"), reverse=highest)[:BEST]
        return [*sorted(best, key=attrgetter("number")), *last]
