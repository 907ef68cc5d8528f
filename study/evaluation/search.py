"""The search of the post-processing, on kept probabilities, without a training.

Each of two halves of the subjects (stratified by center, seeded) gets the setting that is best on the other
half: the score of these is the cross-fitted one, and an honest forecast. The setting that is used is the best
on all subjects. Where the cross-fitted score is not above that of the default setting, the default is kept:
post-processing cannot overfit silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.space import SearchSpace
from study.config import Objective, Postprocessing
from study.evaluation.kept import LEVELS, KeptCase
from study.evaluation.lookup import DiceLookup, level_of
from study.evaluation.metrics import EmptyDice
from study.evaluation.objective import Panel, Values

PREFIX = "postprocessing."
THRESHOLD_STEP = (
    10  # thousandths: thresholds are searched in steps of 0.01, finer ones differ by less than noise
)


@dataclass(frozen=True)
class PostprocessingFit:
    """What the search found, and what it is worth.

    Attributes:
        best: the setting to use: `fitted`, or the default where cross-fitting gains nothing.
        fitted: the best setting on all subjects.
        crossfit_score: objective of all subjects, each under the setting fitted on the half it is not in;
            that of the default where nothing is searched (no trials, an empty space, fewer than 2 subjects).
        default_score: objective of the same subjects under the default setting.
        gain: crossfit_score - default_score.
        gain_low, gain_high: 95 % bootstrap percentile interval of the gain, over subjects within centers.
        within_noise: the interval holds 0, or there is none.
        subjects: number of subjects.
        trials: settings tried in each of the three fits.
    """

    best: Postprocessing
    fitted: Postprocessing
    crossfit_score: float
    default_score: float
    gain: float
    gain_low: float
    gain_high: float
    within_noise: bool
    subjects: int
    trials: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON content."""
        return asdict(self) | {"best": self.best.model_dump(), "fitted": self.fitted.model_dump()}


def search_postprocessing(
    kept: Sequence[KeptCase],
    settings: Postprocessing,
    n_trials: int,
    seed: int,
    space: SearchSpace,
    objective: Objective,
    *,
    empty_dice: EmptyDice = "one",
    bootstrap: int = 2000,
) -> PostprocessingFit:
    """The best threshold and minimum volume for validation subjects, by Optuna's TPE, and what it gains.

    Args:
        kept: probabilities of validation subjects of seen centers, each with each of its subsets.
        settings: the default; what the space does not hold stays as it is here.
        n_trials: settings tried in each of the three fits; 0 keeps the default.
        seed: of the halves, the sampler and the bootstrap.
        space: what is searched of the post-processing (`SearchSpace.postprocessing`); fixed values are used.
        objective: what is maximised.
        empty_dice: Dice where reference and prediction are empty.
        bootstrap: number of resamples.
    """
    fitting = _Fitting(kept, settings, space, n_trials, objective, empty_dice)
    subjects = len(fitting.panel.subjects)
    default = fitting.dice(settings)
    if not space.parameters or n_trials == 0 or subjects < 2:
        score = fitting.value(default, np.ones(subjects))
        return PostprocessingFit(settings, settings, score, score, 0.0, 0.0, 0.0, True, subjects, n_trials)
    crossfit = fitting.crossfit(_first_half(fitting.panel.centers, seed), seed)
    fitted = fitting.best(np.ones(subjects), seed + 2)
    crossfit_score, default_score = (fitting.value(dice, np.ones(subjects)) for dice in (crossfit, default))
    low, high = fitting.interval(crossfit, default, bootstrap, seed)
    gain = crossfit_score - default_score
    return PostprocessingFit(
        best=fitted if gain > 0 else settings,
        fitted=fitted,
        crossfit_score=crossfit_score,
        default_score=default_score,
        gain=gain,
        gain_low=low,
        gain_high=high,
        within_noise=not (low > 0 or high < 0),
        subjects=subjects,
        trials=n_trials,
    )


class _Fitting:
    """Fits settings on parts of the subjects; a part is given by how often each subject counts [N]."""

    def __init__(
        self,
        kept: Sequence[KeptCase],
        settings: Postprocessing,
        space: SearchSpace,
        n_trials: int,
        objective: Objective,
        empty_dice: EmptyDice,
    ) -> None:
        self.panel = Panel([(case.center, case.key, case.removed) for case in kept], objective)
        self._subject_of_case = [
            self.panel.subjects.index(subject)
            if (subject := (case.center, case.key)) in self.panel.subjects
            else 0
            for case in kept
        ]  # cases of centers that do not count are never read, so that any subject will do
        self._lookups = [DiceLookup(case, empty_dice) for case in kept]
        self._settings = settings
        self._space = space
        self._n_trials = n_trials

    def dice(self, settings: Postprocessing) -> Values:
        """The Dice of all cases."""
        return np.array([lookup.dice(settings) for lookup in self._lookups])

    def value(self, dice: Values, counts: Values) -> float:
        """The objective of a part."""
        return float(self.panel.parts(dice, counts)[-1])

    def crossfit(self, first: NDArray[np.bool_], seed: int) -> Values:
        """The Dice of all cases, each under the setting fitted on the half that it is not in."""
        by_first, by_second = (
            self.dice(self.best(half.astype(np.float64), seed + number))
            for number, half in enumerate((first, ~first))
        )
        return np.where(first[self._subject_of_case], by_second, by_first)

    def interval(self, one: Values, other: Values, n: int, seed: int) -> tuple[float, float]:
        """95 % bootstrap interval of the difference of two objectives; subjects are drawn within centers."""
        rng = np.random.default_rng(seed)
        counts = np.zeros((n, len(self.panel.subjects)))
        for center in np.unique(self.panel.centers):
            members = np.flatnonzero(self.panel.centers == center)
            counts[:, members] = rng.multinomial(
                members.size, np.full(members.size, 1 / members.size), size=n
            )
        gains = self.panel.parts(one, counts)[:, -1] - self.panel.parts(other, counts)[:, -1]
        gains = gains[~np.isnan(gains)]
        low, high = np.percentile(gains, [2.5, 97.5]) if gains.size else (np.nan, np.nan)
        return float(low), float(high)

    def best(self, counts: Values, seed: int) -> Postprocessing:
        """The best setting for a part, of the default and what TPE proposes; the default in a tie."""
        import optuna

        best, highest = self._settings, self.value(self.dice(self._settings), counts)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
            for _ in range(self._n_trials):
                trial = study.ask()
                candidate = _settings(self._settings, self._space.suggest(trial))
                reached = self.value(self.dice(candidate), counts)
                if np.isnan(reached):  # no subject of this part has a defined Dice
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
                    continue
                study.tell(trial, reached)
                if reached > highest or np.isnan(highest):
                    best, highest = candidate, reached
        finally:
            optuna.logging.set_verbosity(verbosity)
        return best


def _first_half(centers: NDArray[np.intp], seed: int) -> NDArray[np.bool_]:
    """Which subjects form the first half: about half of each center's."""
    rng = np.random.default_rng(seed)
    order = [rng.permutation(np.flatnonzero(centers == center)) for center in np.unique(centers)]
    first = np.zeros(centers.size, dtype=np.bool_)
    first[np.concatenate(order)[::2]] = True
    return first


def _settings(default: Postprocessing, parameters: Mapping[str, Any]) -> Postprocessing:
    """The setting that a proposal stands for; its threshold is rounded to one that kept levels tell apart."""
    values = {path.removeprefix(PREFIX): float(value) for path, value in parameters.items()}
    if "threshold" in values:
        level = level_of(round(values["threshold"] * 1000 / THRESHOLD_STEP) * THRESHOLD_STEP / 1000)
        values["threshold"] = min(level, len(LEVELS) - 2) / 1000
    return Postprocessing(**(default.model_dump() | values))
