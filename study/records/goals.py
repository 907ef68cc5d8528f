"""What trials are compared by, one objective or several: what is searched for, and which trial wins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from study.config import Goal, Objective
from study.config.objective import DICE
from study.records.fronts import front_ranks
from study.records.results import CompleteTrial

__all__ = [
    "GOALS",
    "best_first",
    "goals_of",
    "is_higher_better",
    "nearly_best",
    "pareto_front",
    "rule_in_words",
]

GOALS: Mapping[Goal, str] = {
    "full": "Dice with all modalities",
    "missing": "Dice with modalities removed",
    "worst_center": "Dice of the worst center",
    "train_s": "seconds of training",
    "predict_s": "seconds of a prediction",
}


def is_higher_better(objective: Objective) -> tuple[bool, ...]:
    """For each number of `goals_of`, whether more of it is better."""
    return tuple(goal in DICE for goal in objective.front) or (True,)


def goals_of(trial: CompleteTrial, objective: Objective) -> tuple[float, ...]:
    """What the search is told of a trial: the goals of the front, or else the weighted mean; nan if undefined."""
    if not objective.front:
        return (trial.value,)
    return tuple(getattr(trial.goals, goal, math.nan) for goal in objective.front)


def pareto_front(trials: Sequence[CompleteTrial], objective: Objective) -> list[CompleteTrial]:
    """The trials that no other one beats in a goal without being worse in another, best in the first goal first.

    Trials in which a goal is not defined are left out. Without a front, those with the highest weighted mean.
    """
    defined = [trial for trial in trials if all(map(math.isfinite, goals_of(trial, objective)))]
    points = [_higher(trial, objective) for trial in defined]
    front = [
        (point, trial)
        for point, trial, rank in zip(points, defined, front_ranks(points), strict=True)
        if rank == 0
    ]
    return [trial for _, trial in sorted(front, key=lambda one: ([-value for value in one[0]], one[1].trial))]


def nearly_best(trials: Sequence[CompleteTrial], objective: Objective) -> list[CompleteTrial]:
    """The trials that may win: nearly as good as the best of all in each goal that `objective.winner` leaves aside."""
    defined = [trial for trial in trials if math.isfinite(_goal(trial, objective))]
    for goal in objective.others:
        best = max(
            (value for trial in trials if math.isfinite(value := _dice(trial, goal))), default=math.nan
        )
        defined = [trial for trial in defined if _dice(trial, goal) >= best - objective.within]
    return defined


def best_first(trials: Sequence[CompleteTrial], objective: Objective) -> list[CompleteTrial]:
    """All trials whose objective is defined: by the rule that names the winner, then the others by weighted mean.

    Ties go to the lower number.
    """
    leading = {trial.trial for trial in nearly_best(trials, objective)}

    def rank(trial: CompleteTrial) -> tuple[bool, float, int]:
        leads = trial.trial in leading
        return not leads, -_goal(trial, objective) if leads else -trial.value, trial.trial

    return sorted((trial for trial in trials if math.isfinite(trial.value)), key=rank)


def rule_in_words(objective: Objective) -> str:
    """Which trial wins: `the trial with the highest weighted mean of Dice`."""
    if objective.winner == "weighted":
        return "the trial with the highest weighted mean of Dice"
    which = "most" if objective.winner in DICE else "fewest"
    others = " and in ".join(GOALS[goal] for goal in objective.others)
    among = f" among those within {objective.within:g} of the best in {others}" if others else ""
    return f"the trial with the {which} {GOALS[objective.winner]}{among}"


def _goal(trial: CompleteTrial, objective: Objective) -> float:
    """What the winner has most of: a goal, with the sign turned where less is better, or the weighted mean."""
    if objective.winner == "weighted":
        return trial.value
    value = _dice(trial, objective.winner)
    return value if objective.winner in DICE else -value


def _dice(trial: CompleteTrial, goal: str) -> float:
    return float(getattr(trial.goals, goal, math.nan))


def _higher(trial: CompleteTrial, objective: Objective) -> list[float]:
    pairs = zip(goals_of(trial, objective), is_higher_better(objective), strict=True)
    return [value if higher else -value for value, higher in pairs]
