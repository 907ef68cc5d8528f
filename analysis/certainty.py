"""Whether validation can tell the winner of a study from its rival, beside what the choice and chance make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import numpy as np

from analysis.differences import Difference, difference
from analysis.estimates import SIGNIFICANT
from analysis.gains import compared_runs, kind_in_words
from analysis.method import Method
from analysis.power import detectable_difference
from analysis.rendering import shown_estimate, shown_p
from analysis.selection import best_of_p
from study.config import Objective
from study.evaluation.components import Values
from study.evaluation.objective import Panel, SubjectScore, subject_objectives
from study.evaluation.resamples import resampled_counts
from study.records import Ranking, TrialFolder

MOST_TRIALS = 50  # the best ones, among which the winner is found again in resamples
Scores = Sequence[SubjectScore]


@dataclass(frozen=True)
class Certainty:
    """What validation subjects say of the winner and its rival.

    Attributes:
        winner, rival: numbers of the trials.
        is_default: whether the rival has the default settings; otherwise it is the second best.
        trials: complete ones, of which the winner is the best.
        difference: of the objectives of single subjects, winner minus rival.
        p: that the best of these trials would look as much better than the rival by chance; where the rival is the
            second best, or both were trained again, that of Wilcoxon's signed-rank test. None for too few subjects.
        chosen_again: share of resamples of the validation subjects in which the winner is the best trial.
        detectable: the smallest difference that so many subjects would show 80 times in 100; None for fewer than 2.
        repeated: whether both are represented by their replicates.
    """

    winner: int
    rival: int
    is_default: bool
    trials: int
    difference: Difference
    p: float | None
    chosen_again: float
    detectable: float | None
    repeated: bool

    @property
    def apart(self) -> bool:
        """Whether the winner can be told from its rival."""
        interval = self.difference.estimate.interval
        return self.p is not None and self.p < SIGNIFICANT and interval is not None and interval.low > 0

    def in_words(self) -> str:
        """One paragraph."""
        found = self.difference.estimate
        other = f"{kind_in_words(is_default=self.is_default)} (trial {self.rival})"
        if found.interval is None or self.p is None:
            said = f"Too few validation subjects to tell the winner from {other}"
        else:
            told = "is better than" if self.apart else "cannot be told from"
            said = f"On validation subjects, the winner {told} {other}"
        chance = "" if self.p is None else f", {shown_p(self.p)}{self._p_of()}"
        lines = [f"{said}: difference {shown_estimate(found, signed=True)}, n = {found.n}{chance}."]
        if self.trials > 1:
            lines.append(
                f"Of {self.trials} trials it is the best in {self.chosen_again:.0%} of resamples of these subjects."
            )
        if self.detectable is not None and not self.apart:
            lines.append(
                f"So many subjects would show a difference of {self.detectable:.3f} 80 times in 100."
            )
        return " ".join(lines)

    def _p_of(self) -> str:
        if self.repeated:
            return " over replicates with other seeds"
        return f" for the best of {self.trials}" if self.is_default else ""


def certainty(ranking: Ranking, objective: Objective, method: Method) -> Certainty | None:
    """What validation says of the winner and its rival; None without a rival that was validated in the same way.

    Args:
        ranking: of the study.
        objective: what trials are compared by.
        method: how means are taken.

    Raises:
        StudyError: no winner can be named.
    """
    if (runs := compared_runs(ranking)) is None:
        return None
    scores = [[_scores(run) for run in of_trial] for of_trial in (runs.first, runs.second)]
    if not all(all(of_run) for of_run in scores) or not all(scores):
        return None
    names = [(one.center, one.subject) for one in scores[0][0]]
    first, second = (_by_subject(of_trial, names, objective) for of_trial in scores)
    found = difference(first, second, [center for center, _ in names])
    trials = [trial for _, trial in ranking.by_objective if _scores(trial)]
    p = found.p
    if runs.is_default and not runs.repeated:
        p = _chosen_p(trials, ranking.winner, runs.rival, names, objective, method.seed)
    deviations = _deviation(first, second)
    return Certainty(
        winner=ranking.winner.number,
        rival=runs.rival.number,
        is_default=runs.is_default,
        trials=len(trials),
        difference=found,
        p=p,
        chosen_again=_chosen_again(trials[:MOST_TRIALS], objective, method),
        detectable=None if deviations is None else detectable_difference(found.estimate.n, deviations),
        repeated=runs.repeated,
    )


def trial_spread(folders: Sequence[TrialFolder], objective: Objective) -> float | None:
    """How much subjects' differences between two trials vary: the median standard deviation over pairs of trials.

    None for fewer than two trials or subjects.
    """
    validated = [scores for folder in folders[:MOST_TRIALS] if (scores := _scores(folder))]
    if len(validated) < 2:
        return None
    names = [(one.center, one.subject) for one in validated[0]]
    values = _by_subject(validated, names, objective)
    pairs = [_deviation(one[None], other[None]) for one, other in combinations(values, 2)]
    known = [pair for pair in pairs if pair is not None]
    return median(known) if known else None


def _scores(trial: TrialFolder) -> Scores:
    found = trial.fits.own.read_if_there()
    return () if found is None else found.scores


def _by_subject(scores: Sequence[Scores], names: Sequence[tuple[str, str]], objective: Objective) -> Values:
    """The objective of each subject in each run [R, N]; nan where a run lacks it."""
    found = np.full((len(scores), len(names)), np.nan)
    for line, of_run in zip(found, scores, strict=True):
        values = subject_objectives(of_run, objective)
        known = {(one.center, one.subject): value for one, value in zip(of_run, values, strict=True)}
        line[:] = [known.get(name, np.nan) for name in names]
    return found


def _deviation(first: Values, second: Values) -> float | None:
    """Standard deviation over subjects of the difference of two systems' mean runs; None for fewer than 2 subjects."""
    differences = first.mean(axis=0) - second.mean(axis=0)
    there = differences[~np.isnan(differences)]
    return float(there.std(ddof=1)) if there.size > 1 else None


def _chosen_p(
    trials: Sequence[TrialFolder],
    winner: TrialFolder,
    rival: TrialFolder,
    names: Sequence[tuple[str, str]],
    objective: Objective,
    seed: int,
) -> float | None:
    """p of the winner as the best of all trials that were compared with the rival."""
    others = [trial for trial in trials if trial.number != rival.number]
    values = _by_subject([_scores(trial) for trial in (rival, *others)], names, objective)
    differences = (values[1:] - values[0])[:, ~np.isnan(values).any(axis=0)]
    return best_of_p(differences, [trial.number for trial in others].index(winner.number), seed)


def _chosen_again(trials: Sequence[TrialFolder], objective: Objective, method: Method) -> float:
    """Share of resamples of the validation subjects in which the first trial has the highest objective."""
    panels = [Panel.of_scores(_scores(trial), objective) for trial in trials]
    values = [
        panel.parts(dice, resampled_counts(panel, method.resamples, method.seed))[:, -1]
        for panel, dice in panels
    ]
    return float((np.nan_to_num(np.array(values), nan=-np.inf).argmax(axis=0) == 0).mean())
