"""The objective against each searched setting, trials as points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.report.pictures.axes import Scale
from analysis.report.svg import COLORS, tidy
from analysis.report.view import StudyView, TrialView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3


def draw_slices(view: StudyView, scored: Sequence[TrialView], paths: Sequence[str]) -> Figure:
    """A panel for each setting; all share the axis of the objective.

    Args:
        view: of the study.
        scored: complete trials with a defined objective.
        paths: of the settings.
    """
    from matplotlib.figure import Figure

    pruned = [trial for trial in view.trials if trial.state == "pruned" and math.isfinite(trial.value or 0.0)]
    rows = math.ceil(len(paths) / COLUMNS)
    figure = Figure(figsize=(9, 2.5 * rows + 0.3), layout="constrained")
    panels = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False)
    for axes, path in zip(panels.flat, paths, strict=False):
        trials = [trial for trial in (*scored, *pruned) if path in trial.searched]
        scale = Scale.of(path, [trial.searched[path] for trial in trials], view.space)
        for some, face in ((pruned, "none"), (scored, COLORS[0])):
            _points(axes, [trial for trial in some if path in trial.searched], path, scale, face)
        if view.winner is not None and path in view.winner.searched:
            at = scale.place(view.winner.searched[path])
            axes.plot([at], [view.winner.value], "*", color=COLORS[1], markersize=13, markeredgecolor="white")
        scale.label(axes)
        axes.set_xlabel(path, fontsize="small")
        axes.tick_params(labelsize="small")
        tidy(axes)
    for axes in panels.flat[len(paths) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("objective")
    return figure


def _points(axes: Axes, trials: Sequence[TrialView], path: str, scale: Scale, face: str) -> None:
    axes.scatter(
        [scale.place(trial.searched[path]) for trial in trials],
        [trial.value or 0.0 for trial in trials],
        s=16,
        facecolors=face,
        edgecolors=COLORS[0],
        linewidths=0.8,
    )
