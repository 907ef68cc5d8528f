"""The search of the post-processing on kept probabilities; no network is run.

The subjects are split into halves (stratified by center, seeded). Each half is scored with the settings that are best
on the other one: this cross-fitted score is an honest forecast. The settings that are used are the best on all
subjects; where the cross-fitted score is not above that of the default, the default is kept, so that post-processing
cannot overfit silently.

A space with no more settings than `evaluation.postprocessing_trials` is tried whole. From a larger one,
`evaluation.postprocessing_sampler` proposes that many settings, anew for each half and for all subjects; from the best
of them, one value after the other is moved while that helps (`curves.climb`).

With `evaluation.postprocessing_per_subset`, predictions from all of the network's modalities and predictions from fewer
get settings of their own. Each are fitted by the objective over their own cases; the scores are over all cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from study.config import Evaluation, Objective, Postprocessing
from study.evaluation.chains import Chains
from study.evaluation.components import Values
from study.evaluation.curves import climb, score_curves
from study.evaluation.fast_chain import FastChain
from study.evaluation.fit import Cases, Curve, Parts, PostprocessingFit
from study.evaluation.kept import KeptCase
from study.evaluation.objective import Panel
from study.evaluation.proposals import best_proposal, highest
from study.evaluation.resamples import objective_interval
from study.evaluation.settings_space import SettingsSpace

Flags = NDArray[np.bool_]


def search_postprocessing(
    kept: Sequence[KeptCase],
    space: SettingsSpace,
    objective: Objective,
    evaluation: Evaluation,
    seed: int,
    *,
    by_half: tuple[Sequence[KeptCase], Sequence[KeptCase]] | None = None,
) -> PostprocessingFit:
    """Find the best post-processing for validation subjects, and what it gains over the default.

    Args:
        kept: probabilities of validation subjects of seen centers, each with each of its subsets.
        space: the default, and the parameters to search.
        objective: the score to maximise.
        evaluation: the Dice of empty masks, and how to search.
        seed: of the halves, the sampler and the bootstrap.
        by_half: where the probabilities were chosen on validation subjects, too (an ensemble): the same cases, as
            chosen on the first half of the subjects (`first_half`) and on the second; each half is scored with what
            was chosen on the other.
    """
    fitting = _Fitting(kept, space, objective, evaluation)
    panel = fitting.panel
    subjects, everyone = len(panel.subjects), np.ones(len(panel.subjects))
    default = Chains(full=space.default)
    first = first_half(panel.centers, seed)
    halves = [_Fitting(each, space, objective, evaluation) for each in by_half or ()] or [fitting, fitting]
    default_dice = fitting.crossed(first, *(half.dice(default) for half in halves))
    default_score = fitting.value(default_dice, everyone)
    unsearched = PostprocessingFit(
        default=default,
        fitted=default,
        crossfit_score=default_score,
        fitted_score=default_score,
        default_score=default_score,
        crossfit_parts=fitting.parts(default_dice, everyone),
        default_parts=fitting.parts(default_dice, everyone),
        subjects=subjects,
        scores=panel.scores(default_dice),
    )
    if not space.searched or fitting.trials == 0 or subjects < 2:
        return unsearched
    crossfit = fitting.crossfit(first, seed, halves)
    fitted = fitting.best(everyone, seed + 2)
    low, high = objective_interval(panel, crossfit, default_dice, evaluation.bootstrap, seed)
    gain = fitting.value(crossfit, everyone) - default_score
    found = {
        "fitted": fitted,
        "crossfit_score": fitting.value(crossfit, everyone),
        "fitted_score": fitting.value(fitting.dice(fitted), everyone),
        "crossfit_parts": fitting.parts(crossfit, everyone),
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "within_noise": low is None or high is None or low <= 0 <= high,
        "trials": fitting.trials,
        "exhaustive": fitting.exhaustive,
        "tried": fitting.tried + sum(half.tried for half in halves if half is not fitting),
        "curves": fitting.curves(fitted),
    }
    return unsearched.model_copy(update=found | ({"scores": panel.scores(crossfit)} if gain > 0 else {}))


class _Fitting:
    """Fits settings on parts of the subjects; a part is given by how often each subject counts [N]."""

    def __init__(
        self, kept: Sequence[KeptCase], space: SettingsSpace, objective: Objective, evaluation: Evaluation
    ) -> None:
        self._space = space
        self._evaluation = evaluation
        self.panel = Panel(
            [(case.center, case.key, bool(case.availability.removed)) for case in kept], objective
        )
        row = {subject: number for number, subject in enumerate(self.panel.subjects)}
        # Cases of centers that do not count are never read: for them, any subject will do.
        self._subject_of_case = np.array(
            [row.get((case.center, case.key), 0) for case in kept], dtype=np.intp
        )
        self._full = np.array([not case.availability.absent for case in kept], np.bool_)
        two = evaluation.postprocessing_per_subset and self._full.any() and not self._full.all()
        self._parts: dict[Cases, Flags] = (
            {"full": self._full, "missing": ~self._full} if two else {"all": np.ones(len(kept), np.bool_)}
        )
        self._fast = FastChain(kept, space.lowest, evaluation.empty_dice)
        every = space.enumerate(evaluation.postprocessing_trials)
        self.exhaustive = every is not None
        self.trials = evaluation.postprocessing_trials if every is None else len(every)
        self._every = every or []
        self.tried = len(self._every)
        self._every_dice = self._fast.dice(self._every)

    def dice(self, chains: Chains) -> Values:
        """The Dice of all cases [C]."""
        full, missing = self._fast.dice([chains.full, chains.missing or chains.full])
        return np.asarray(np.where(self._full, full, missing))

    def value(self, dice: Values, counts: Values) -> float:
        """The objective of a part."""
        return float(self.panel.parts(dice, counts)[-1])

    def parts(self, dice: Values, counts: Values) -> Parts:
        """What the objective of a part is the weighted mean of."""
        return Parts(*map(float, self.panel.parts(dice, counts)[:-1]))

    def crossfit(self, first: Flags, seed: int, fittings: Sequence[_Fitting]) -> Values:
        """The Dice of all cases [C], each under the settings fitted on the half that it is not in."""
        by_first, by_second = (
            fitting.dice(fitting.best(half.astype(np.float64), seed + number))
            for number, (half, fitting) in enumerate(zip((first, ~first), fittings, strict=True))
        )
        return self.crossed(first, by_first, by_second)

    def crossed(self, first: Flags, by_first: Values, by_second: Values) -> Values:
        """The Dice of all cases [C], of each that of the half which it is not in."""
        if not first.size:  # no subject counts
            return by_first
        return np.asarray(np.where(first[self._subject_of_case], by_second, by_first))

    def best(self, counts: Values, seed: int) -> Chains:
        """The best settings for a part of the subjects, the default among them; the default in a tie."""
        settings = [self._best(counts, cases, seed) for cases in self._parts.values()]
        return Chains(full=settings[0], missing=settings[1] if len(settings) > 1 else None)

    def curves(self, chains: Chains) -> tuple[Curve, ...]:
        """The objective of all subjects against each searched value."""
        everyone = np.ones(len(self.panel.subjects))
        curves: list[Curve] = []
        for (name, cases), settings in zip(self._parts.items(), (chains.full, chains.missing), strict=False):
            judge = self._judge(everyone, cases)
            curves += score_curves(self._space, settings or chains.full, judge, name)
        return tuple(curves)

    def _best(self, counts: Values, cases: Flags, seed: int) -> Postprocessing:
        judge = self._judge(counts, cases)

        def count_and_judge(settings: Sequence[Postprocessing]) -> Values:
            self.tried += len(settings)
            return judge(settings)

        start = (self._space.default, float(judge([self._space.default])[0]))
        if self.exhaustive:
            return highest(self._every, self._objective(self._every_dice, counts, cases), start)[0]
        proposed = best_proposal(
            self._space.space,
            self._space.settings,
            count_and_judge,
            start,
            trials=self.trials,
            sampler=self._evaluation.postprocessing_sampler,
            seed=seed,
        )
        return climb(self._space, proposed, count_and_judge)

    def _judge(self, counts: Values, cases: Flags) -> Callable[[Sequence[Postprocessing]], Values]:
        """A function that gives the objective [S] of settings."""
        return lambda settings: self._objective(self._fast.dice(settings), counts, cases)

    def _objective(self, dice: Values, counts: Values, cases: Flags) -> Values:
        """The objective [S] of some of the cases, from the Dice [S, C] of all."""
        return self.panel.parts(np.where(cases, dice, np.nan), counts)[..., -1]


def first_half(centers: NDArray[np.intp], seed: int) -> Flags:
    """Whether each subject is in the first half, which has about half of each center's."""
    rng = np.random.default_rng(seed)
    order = [rng.permutation(np.flatnonzero(centers == center)) for center in np.unique(centers)]
    first = np.zeros(centers.size, dtype=np.bool_)
    first[np.concatenate([np.zeros(0, np.intp), *order])[::2]] = True
    return first
