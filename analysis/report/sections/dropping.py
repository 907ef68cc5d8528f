"""Dice against the drop probability, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.cases import Cases
from analysis.cross_center import DICE
from analysis.estimates import Estimate, estimate
from analysis.report.content import Drawing
from analysis.report.svg import COLORS, MARKERS, tidy
from analysis.report.view import StudyView, TrialView
from analysis.report.words import given, where

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PATH = "modality_dropout.drop_probability"


@dataclass(frozen=True)
class _Measured:
    """Dice of one trial in one group of test subjects."""

    probability: float
    removed: str
    dice: Estimate
    wins: bool


def dropping(view: StudyView, scored: Sequence[TrialView]) -> list[Drawing]:
    """The drawing, where several drop probabilities were tried and tested."""
    tried = [trial for trial in scored if PATH in trial.searched]
    groups: dict[str, list[_Measured]] = {}  # by whose subjects they are
    for trial in tried:
        wins = view.winner is not None and trial.number == view.winner.number
        for group, cases in Cases.of(trial.folder.rows.read()).groups():
            found = estimate(cases.dice, cases.center, view.method.average, bounds=DICE)
            groups.setdefault(group.centers, []).append(
                _Measured(float(trial.searched[PATH]), group.removed, found, wins)
            )
    if len({one.probability for measured in groups.values() for one in measured}) < 2:
        return []
    caption = (
        f"Dice on test subjects against the drop probability: {view.method.name} and 95 % interval of each complete "
        "trial; the winner is larger. To choose a drop probability here is to choose on test data; the winner was "
        "chosen by its objective."
    )
    named = {where(centers, view.config): measured for centers, measured in groups.items()}
    return [Drawing("drop-probability", caption, lambda: _draw(named))]


def _draw(groups: dict[str, list[_Measured]]) -> Figure:
    from matplotlib.figure import Figure

    removals = list(dict.fromkeys(one.removed for measured in groups.values() for one in measured))
    figure = Figure(figsize=(9, 2.3 * len(removals) + 0.6), layout="constrained")
    panels = figure.subplots(len(removals), len(groups), sharex=True, sharey=True, squeeze=False)
    for column, (name, measured) in enumerate(groups.items()):
        panels[0, column].set_title(name, fontsize="medium")
        for row, removed in enumerate(removals):
            axes, shown = panels[row, column], [one for one in measured if one.removed == removed]
            for one in shown:
                color = COLORS[1] if one.wins else COLORS[0]
                if one.dice.interval is not None:
                    axes.plot(
                        [one.probability] * 2, [*one.dice.interval], color=color, linewidth=0.8, alpha=0.6
                    )
                axes.plot(
                    [one.probability],
                    [one.dice.mean],
                    marker=MARKERS[4] if one.wins else MARKERS[0],
                    color=color,
                    markersize=8 if one.wins else 3.5,
                )
            tidy(axes)
    for row, removed in enumerate(removals):
        panels[row, 0].set_ylabel(f"Dice\n{given(removed)}", fontsize="small")
    for axes in panels[-1]:
        axes.set_xlabel("drop probability")
    return figure
