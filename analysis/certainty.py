"""Whether validation can tell the winner of a study from its rival, beside what the choice and chance make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import median

import numpy as np

from analysis.differences import difference
from analysis.estimates import SIGNIFICANT, Estimate, Interval
from analysis.gains import Compared, compared_runs, kind_in_words
from analysis.method import Method
from analysis.power import detectable_difference
from analysis.rendering import shown_estimate, shown_p
from analysis.selection import best_of_p
from study.config import Objective
from study.evaluation.components import Values
from study.evaluation.fit import PostprocessingFit
from study.evaluation.objective import Panel, SubjectScore, subject_objectives
from study.evaluation.resamples import resampled_counts
from study.records import Ranking, TrialFolder
from study.records.summary import Telling

MOST_COMPARED = 500  # the best trials; worse ones hardly matter to which one is best
MOST_RESAMPLED = 50  # the best ones, among which the winner is found again in resamples
Scores = Sequence[SubjectScore]


def certainty(ranking: Ranking, objective: Objective, method: Method) -> Telling | None:
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
    scores = [[_scores(ranking, run, runs) for run in of_trial] for of_trial in (runs.first, runs.second)]
    if not all(all(of_run) for of_run in scores) or not all(scores):
        return None
    names = [(one.center, one.subject) for one in scores[0][0]]
    first, second = (_by_subject(of_trial, names, objective) for of_trial in scores)
    found = difference(first, second, [center for center, _ in names])
    known = _validated(ranking)
    p = found.p
    if runs.is_default and not runs.repeated:
        p = _chosen_p(known, ranking.winner.number, runs.rival.number, names, objective, method.seed)
    deviation, estimate = _deviation(first, second), found.estimate
    interval = estimate.interval
    return Telling(
        winner=ranking.winner.number,
        rival=runs.rival.number,
        is_default=runs.is_default,
        trials=len(known),
        apart=p is not None and p < SIGNIFICANT and interval is not None and interval.low > 0,
        difference=estimate.mean,
        low=interval and interval.low,
        high=interval and interval.high,
        p=p,
        subjects=estimate.n,
        chosen_again=_chosen_again(list(known.values())[:MOST_RESAMPLED], objective, method),
        detectable=None if deviation is None else detectable_difference(estimate.n, deviation),
        repeated=runs.repeated,
    )


def certainty_in_words(found: Telling) -> str:
    """What it says, in one paragraph."""
    interval = None if found.low is None or found.high is None else Interval(found.low, found.high)
    shown = shown_estimate(Estimate(found.difference, found.subjects, interval), signed=True)
    other = f"{kind_in_words(is_default=found.is_default)} (trial {found.rival})"
    if interval is None or found.p is None:
        said = f"Too few validation subjects to tell the winner from {other}"
    else:
        told = "is better than" if found.apart else "cannot be told from"
        said = f"On validation subjects, the winner {told} {other}"
    chance = "" if found.p is None else f", {shown_p(found.p)}{_p_of(found)}"
    lines = [f"{said}: difference {shown}, n = {found.subjects}{chance}."]
    if found.trials > 1:
        lines.append(
            f"Of {found.trials} trials it is the best in {found.chosen_again:.0%} of resamples of these subjects."
        )
    if found.detectable is not None and not found.apart:
        lines.append(f"So many subjects would show a difference of {found.detectable:.3f} 80 times in 100.")
    return " ".join(lines)


def _p_of(found: Telling) -> str:
    if found.repeated:
        return " over replicates with other seeds"
    return f" for the best of {found.trials}" if found.is_default else ""


def trial_spread(ranking: Ranking, objective: Objective) -> float | None:
    """How much subjects' differences between two trials vary: the median standard deviation over pairs of trials.

    None for fewer than two trials or subjects.
    """
    validated = list(_validated(ranking, MOST_RESAMPLED).values())
    if len(validated) < 2:
        return None
    names = [(one.center, one.subject) for one in validated[0]]
    values = _by_subject(validated, names, objective)
    pairs = [_deviation(one[None], other[None]) for one, other in combinations(values, 2)]
    known = [pair for pair in pairs if pair is not None]
    return median(known) if known else None


def _validated(ranking: Ranking, most: int = MOST_COMPARED) -> dict[int, Scores]:
    """What the subjects contribute in the best trials, by number; those without are left out."""
    trials = [trial for _, trial in ranking.by_objective[:most]]
    return {trial.number: scores for trial in trials if (scores := _of(ranking.fit(trial)))}


def _scores(ranking: Ranking, run: TrialFolder, runs: Compared) -> Scores:
    """The scores of a run; a replicate has a fit of its own, though it has the number of a trial."""
    return _of(run.fits.own.read_if_there() if runs.repeated else ranking.fit(run))


def _of(fit: PostprocessingFit | None) -> Scores:
    return () if fit is None else fit.scores


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
    known: Mapping[int, Scores],
    winner: int,
    rival: int,
    names: Sequence[tuple[str, str]],
    objective: Objective,
    seed: int,
) -> float | None:
    """p of the winner as the best of all trials that were compared with the rival; None if that is not among them."""
    if rival not in known:
        return None
    others = [number for number in known if number != rival]
    values = _by_subject([known[number] for number in (rival, *others)], names, objective)
    differences = (values[1:] - values[0])[:, ~np.isnan(values).any(axis=0)]
    return best_of_p(differences, others.index(winner), seed)


def _chosen_again(trials: Sequence[Scores], objective: Objective, method: Method) -> float:
    """Share of resamples of the validation subjects in which the first trial has the highest objective."""
    panels = [Panel.of_scores(scores, objective) for scores in trials]
    values = [
        panel.parts(dice, resampled_counts(panel, method.resamples, method.seed))[:, -1]
        for panel, dice in panels
    ]
    return float((np.nan_to_num(np.array(values), nan=-np.inf).argmax(axis=0) == 0).mean())
