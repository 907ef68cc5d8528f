"""The search of the post-processing, on kept probabilities, without a training.

Each of two halves of the subjects (stratified by center, seeded) gets the settings that are best on the other
half: the score of these is the cross-fitted one, and an honest forecast. The settings that are used are the best
on all subjects. Where the cross-fitted score is not above that of the default setting, the default is kept:
post-processing cannot overfit silently.

A space with no more settings than `evaluation.postprocessing_trials` is tried whole; of a larger one, that many
settings are proposed by `evaluation.postprocessing_sampler`, anew for each half and for all, and from the best of them
one value after the other is moved while that helps (`curves.climb`).

With `evaluation.postprocessing_per_subset`, predictions from all of the network's modalities and from fewer get
settings of their own. Each are fitted by the objective over their own cases alone; the scores are of all together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.space import SearchSpace
from study.config import Config, Postprocessing
from study.evaluation.chains import Chains, absent_of
from study.evaluation.curves import Curves, climb, score_curves
from study.evaluation.fast_chain import FastChain
from study.evaluation.kept import KeptCase
from study.evaluation.objective import Panel, Values
from study.evaluation.proposals import best_proposal, highest
from study.evaluation.settings_space import SettingsSpace

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PostprocessingFit:
    """What the search found, and what it is worth.

    Attributes:
        default: the settings that were there.
        best: the settings to use: `fitted`, or the default where cross-fitting gains nothing.
        fitted: the best settings on all subjects.
        crossfit_score: objective of all subjects, each under the settings fitted on the half it is not in;
            that of the default where nothing is searched (no trials, an empty space, fewer than 2 subjects).
        fitted_score: objective of all subjects under `fitted`: too high, as they are those that it was fitted on.
        default_score: objective of the same subjects under the default setting.
        gain: crossfit_score - default_score.
        gain_low, gain_high: 95 % bootstrap percentile interval of the gain, over subjects within centers
            (over those that are alone in their center together).
        within_noise: the interval holds 0, or there is none.
        subjects: number of subjects.
        trials: settings proposed in each of the three fits.
        exhaustive: they are all that the space holds.
        tried: settings tried in all fits together.
        curves: objective of all subjects against each searched value, the others as in `fitted`. With settings per
            subset, `full.` or `missing.` before the path, and the objective over the cases of that chain.
    """

    default: Chains
    best: Chains
    fitted: Chains
    crossfit_score: float
    fitted_score: float
    default_score: float
    gain: float
    gain_low: float
    gain_high: float
    within_noise: bool
    subjects: int
    trials: int
    exhaustive: bool
    tried: int
    curves: Curves = field(default_factory=dict)

    @property
    def value(self) -> float:
        """What a trial is compared by: the cross-fitted score, or the default's where that is kept."""
        return self.crossfit_score if self.gain > 0 else self.default_score

    def to_dict(self) -> dict[str, Any]:
        """As JSON content."""
        chains = {name: getattr(self, name).model_dump(mode="json") for name in ("default", "best", "fitted")}
        return vars(self) | chains

    def without_curves(self) -> dict[str, Any]:
        """As JSON content, numbers and settings only."""
        return {key: value for key, value in self.to_dict().items() if key != "curves"}


def search_postprocessing(kept: Sequence[KeptCase], config: Config) -> PostprocessingFit:
    """The best post-processing for validation subjects, and what it gains.

    Args:
        kept: probabilities of validation subjects of seen centers, each with each of its subsets.
        config: read are `postprocessing` (the default), what `search_space` holds below `postprocessing`,
            `objective` (what is maximised), `evaluation`, `cohort.modalities`, and `study.seed`
            (of the halves, the sampler and the bootstrap).
    """
    fitting = _Fitting(kept, config)
    panel, seed = fitting.panel, config.study.seed
    subjects, everyone = len(panel.subjects), np.ones(len(panel.subjects))
    default_dice = fitting.dice(fitting.default)
    default_score = fitting.value(default_dice, everyone)
    if not fitting.space.searched or fitting.trials == 0 or subjects < 2:
        return PostprocessingFit(
            *(fitting.default,) * 3, *(default_score,) * 3, 0.0, 0.0, 0.0, True, subjects, 0, False, 0
        )
    crossfit = fitting.crossfit(_first_half(panel.centers, seed), seed)
    fitted = fitting.best(everyone, seed + 2)
    crossfit_score = fitting.value(crossfit, everyone)
    low, high = _interval(panel, crossfit, default_dice, config.evaluation.bootstrap, seed)
    gain = crossfit_score - default_score
    return PostprocessingFit(
        default=fitting.default,
        best=fitted if gain > 0 else fitting.default,
        fitted=fitted,
        crossfit_score=crossfit_score,
        fitted_score=fitting.value(fitting.dice(fitted), everyone),
        default_score=default_score,
        gain=gain,
        gain_low=low,
        gain_high=high,
        within_noise=not (low > 0 or high < 0),
        subjects=subjects,
        trials=fitting.trials,
        exhaustive=fitting.exhaustive,
        tried=fitting.tried,
        curves=fitting.curves(fitted),
    )


class _Fitting:
    """Fits settings on parts of the subjects; a part is given by how often each subject counts [N]."""

    def __init__(self, kept: Sequence[KeptCase], config: Config) -> None:
        self.space = SettingsSpace(
            SearchSpace.parse(config.search_space, config).postprocessing, config.postprocessing
        )
        self.panel = Panel([(case.center, case.key, case.removed) for case in kept], config.objective)
        self.default = Chains(full=config.postprocessing)
        row = {subject: number for number, subject in enumerate(self.panel.subjects)}
        # Cases of centers that do not count are never read, so that any subject will do.
        self._subject_of_case = np.array(
            [row.get((case.center, case.key), 0) for case in kept], dtype=np.intp
        )
        self._full = np.array(
            [not absent_of(case.subset, config.cohort.modalities) for case in kept], np.bool_
        )
        two = config.evaluation.postprocessing_per_subset and self._full.any() and not self._full.all()
        self._parts = (
            {"full": self._full, "missing": ~self._full} if two else {"": np.ones(len(kept), np.bool_)}
        )
        self._evaluation = config.evaluation
        self._fast = FastChain(kept, self.space.lowest, config.evaluation.empty_dice)
        grid = self.space.grid(config.evaluation.postprocessing_trials)
        self.exhaustive = grid is not None
        self.trials = config.evaluation.postprocessing_trials if grid is None else len(grid)
        self._grid = grid or []
        self.tried = len(self._grid)
        self._grid_dice = self._fast.dice(self._grid)

    def dice(self, chains: Chains) -> Values:
        """The Dice of all cases [C]."""
        full, missing = self._fast.dice([chains.full, chains.missing or chains.full])
        return np.asarray(np.where(self._full, full, missing))

    def value(self, dice: Values, counts: Values) -> float:
        """The objective of a part."""
        return float(self.panel.parts(dice, counts)[-1])

    def crossfit(self, first: Flags, seed: int) -> Values:
        """The Dice of all cases [C], each under the settings fitted on the half that it is not in."""
        by_first, by_second = (
            self.dice(self.best(half.astype(np.float64), seed + number))
            for number, half in enumerate((first, ~first))
        )
        return np.asarray(np.where(first[self._subject_of_case], by_second, by_first))

    def best(self, counts: Values, seed: int) -> Chains:
        """The best settings for a part of the subjects, of the default and what is tried; the default in a tie."""
        settings = [self._best(counts, cases, seed) for cases in self._parts.values()]
        return Chains(full=settings[0], missing=settings[1] if len(settings) > 1 else None)

    def curves(self, chains: Chains) -> Curves:
        """The objective of all subjects against each searched value."""
        everyone = np.ones(len(self.panel.subjects))
        curves: Curves = {}
        for (name, cases), settings in zip(self._parts.items(), (chains.full, chains.missing), strict=False):
            found = score_curves(self.space, settings or chains.full, self._judge(everyone, cases))
            curves |= {".".join(filter(None, (name, path))): curve for path, curve in found.items()}
        return curves

    def _best(self, counts: Values, cases: Flags, seed: int) -> Postprocessing:
        judge = self._judge(counts, cases)

        def count_and_judge(settings: Sequence[Postprocessing]) -> Values:
            self.tried += len(settings)
            return judge(settings)

        start = (self.space.default, float(judge([self.space.default])[0]))
        if self.exhaustive:
            return highest(self._grid, self._objective(self._grid_dice, counts, cases), start)[0]
        proposed = best_proposal(
            self.space.space,
            self.space.settings,
            count_and_judge,
            start,
            trials=self.trials,
            sampler=self._evaluation.postprocessing_sampler,
            seed=seed,
        )
        return climb(self.space, proposed, count_and_judge)

    def _judge(self, counts: Values, cases: Flags) -> Callable[[Sequence[Postprocessing]], Values]:
        """What tells the objective [S] of settings."""
        return lambda settings: self._objective(self._fast.dice(settings), counts, cases)

    def _objective(self, dice: Values, counts: Values, cases: Flags) -> Values:
        """The objective [S] of some of the cases, from the Dice [S, C] of all."""
        return self.panel.parts(np.where(cases, dice, np.nan), counts)[..., -1]


def _interval(panel: Panel, one: Values, other: Values, resamples: int, seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of the difference of two objectives.

    Subjects are drawn within centers; those that are alone in their center are drawn from all of these.
    """
    rng = np.random.default_rng(seed)
    alone = np.bincount(panel.centers)[panel.centers] == 1
    groups = np.where(alone, -1, panel.centers)  # drawn within their centers, they would always be the same
    counts = np.zeros((resamples, len(panel.subjects)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        counts[:, members] = rng.multinomial(
            members.size, np.full(members.size, 1 / members.size), size=resamples
        )
    gains = panel.parts(one, counts)[:, -1] - panel.parts(other, counts)[:, -1]
    gains = gains[~np.isnan(gains)]
    low, high = np.percentile(gains, [2.5, 97.5]) if gains.size else (np.nan, np.nan)
    return float(low), float(high)


def _first_half(centers: NDArray[np.intp], seed: int) -> Flags:
    """Which subjects form the first half: about half of each center's."""
    rng = np.random.default_rng(seed)
    order = [rng.permutation(np.flatnonzero(centers == center)) for center in np.unique(centers)]
    first = np.zeros(centers.size, dtype=np.bool_)
    first[np.concatenate(order)[::2]] = True
    return first
