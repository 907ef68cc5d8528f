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
    from matplotlib.axes import Axes
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
            axes = panels[row, column]
            shown = [one for one in measured if one.removed == removed]
            _points(axes, [one for one in shown if not one.wins], COLORS[0], MARKERS[0], 3.5)
            _points(axes, [one for one in shown if one.wins], COLORS[1], MARKERS[4], 8)
            tidy(axes)
    for row, removed in enumerate(removals):
        panels[row, 0].set_ylabel(f"Dice\n{given(removed)}", fontsize="small")
    for axes in panels[-1]:
        axes.set_xlabel("drop probability")
    return figure


def _points(axes: Axes, shown: Sequence[_Measured], color: str, marker: str, size: float) -> None:
    """Means with intervals, as few artists: a study has hundreds of trials."""
    known = [(one.probability, one.dice.interval) for one in shown if one.dice.interval is not None]
    lows, highs = [interval.low for _, interval in known], [interval.high for _, interval in known]
    axes.vlines([at for at, _ in known], lows, highs, color=color, linewidth=0.8, alpha=0.6)
    places, means = [one.probability for one in shown], [one.dice.mean for one in shown]
    axes.plot(places, means, marker, color=color, markersize=size)
