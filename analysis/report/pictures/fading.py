"""The curves g(t) of all trials, coloured by objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.report.pictures.scores import score_colors, shade
from analysis.report.svg import tidy
from analysis.report.view import StudyView, TrialView
from study.training.fading import fade

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOMENTS = 81


def draw_fading(view: StudyView, scored: Sequence[TrialView]) -> Figure:
    """A curve for each complete trial, the best drawn last."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3.8), layout="constrained")
    axes = figure.subplots()
    colors = score_colors(scored)
    moments = np.linspace(0, 1, MOMENTS)
    for trial in sorted(scored, key=lambda trial: trial.value or 0.0):
        own = {path: value for path, value in trial.searched.items() if path.startswith("schedule.")}
        schedule = view.config.with_values(own).schedule
        wins = view.winner is not None and trial.number == view.winner.number
        axes.plot(
            moments,
            [fade(schedule, float(moment)) for moment in moments],
            color=shade(colors, trial),
            linewidth=3.5 if wins else 1.0,
            alpha=1.0 if wins else 0.7,
        )
    ends = {"trial": "progress of the training", "rung": "progress to the next rung"}
    axes.set_xlabel(ends[view.config.schedule.clock])
    axes.set_ylabel("g: left of a dropped modality")
    axes.set_ylim(-0.03, 1.03)
    figure.colorbar(colors, ax=axes, label="objective")
    tidy(axes)
    return figure
