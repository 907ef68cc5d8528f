"""Several goals at once: the Pareto front that a study has found, and why its winner is the winner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.report.content import Drawing, Section
from analysis.report.svg import COLORS, tidy
from analysis.report.view import StudyView, TrialView
from analysis.report.words import listed, setting
from analysis.tables import Column, Table
from study.config import Goal
from study.records import CompleteTrial
from study.records.goals import GOALS, goals_of, rule_in_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Placed = tuple[TrialView, tuple[float, ...]]  # a trial, and what it reaches in each goal of the front


def goals(view: StudyView) -> Section | None:
    """The front of `objective.front`; none for a study of one objective, or without a complete trial."""
    objective, front = view.config.objective, view.config.objective.front
    placed = [
        (trial, goals_of(trial.result, objective))
        for trial in view.complete
        if isinstance(trial.result, CompleteTrial)
    ]
    placed = [(trial, values) for trial, values in placed if all(map(math.isfinite, values))]
    if not front or not placed:
        return None
    best = {trial.number for trial in view.ranking.front}
    on_front = [one for one in placed if one[0].number in best]
    named = listed([GOALS[goal] for goal in front])
    caption = (
        f"{GOALS[front[0]]} and {GOALS[front[1]]} of each complete trial, after post-processing. Squares: trials that "
        "no other one beats in all goals; star: the winner."
    )
    return Section(
        "goals",
        "Several goals at once",
        (
            f"The search was for the best compromises between {named}. A trial is on the Pareto front if no other one "
            f"is better in a goal without being worse in another. The winner is {rule_in_words(objective)}; any other "
            "one can be exported by its number.",
        ),
        tables=(_table(front, on_front),),
        drawings=(Drawing("front", caption, lambda: _draw(view, placed, on_front)),),
    )


def _table(front: Sequence[Goal], placed: Sequence[Placed]) -> Table:
    lines = (
        (
            trial.number,
            *values,
            trial.value,
            ", ".join(f"{path}={setting(value)}" for path, value in sorted(trial.searched.items())),
        )
        for trial, values in sorted(placed, key=lambda one: one[1], reverse=True)
    )
    return Table(
        "front",
        "Trials on the Pareto front",
        (
            Column("trial", "trial", "count"),
            *(Column(goal, GOALS[goal], "number") for goal in front),
            Column("objective", "objective", "number"),
            Column("settings", "settings"),
        ),
        tuple(lines),
        (
            "On validation subjects of seen centers, after post-processing; objective: the weighted mean of Dice.",
        ),
    )


def _draw(view: StudyView, placed: Sequence[Placed], on_front: Sequence[Placed]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(
        [values[0] for _, values in placed], [values[1] for _, values in placed], color="#888888", s=26
    )
    for trial, (first, second, *_) in on_front:
        axes.plot([first], [second], "s", color=COLORS[1], markerfacecolor="none", markersize=9)
        axes.annotate(
            str(trial.number), (first, second), (7, 5), textcoords="offset points", fontsize="small"
        )
    for trial, (first, second, *_) in placed:
        if view.winner is not None and trial.number == view.winner.number:
            axes.plot(
                [first], [second], "*", color=COLORS[1], markersize=14, markeredgecolor="white", zorder=3
            )
    axes.set_xlabel(GOALS[view.config.objective.front[0]])
    axes.set_ylabel(GOALS[view.config.objective.front[1]])
    tidy(axes)
    return figure
