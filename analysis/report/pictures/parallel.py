"""Parallel coordinates: all settings of a trial at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.report.pictures.axes import Scale
from analysis.report.pictures.scores import score_colors, shade
from analysis.report.view import StudyView, TrialView
from analysis.report.words import setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OBJECTIVE = "objective"


def draw_parallel(view: StudyView, scored: Sequence[TrialView], paths: Sequence[str]) -> Figure:
    """A vertical axis for each setting, and one for the objective.

    Args:
        view: of the study.
        scored: complete trials with a defined objective.
        paths: of settings that all of them searched.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(7.5, 1.6 * (len(paths) + 1)), 4.4), layout="constrained")
    axes = figure.subplots()
    colors = score_colors(scored)
    heights = [*(_heights(view, scored, path, axes, at) for at, path in enumerate(paths))]
    heights.append(_scaled([trial.value for trial in scored], Scale((), False), axes, len(paths)))
    for nth in sorted(range(len(scored)), key=lambda nth: scored[nth].value or 0.0):
        wins = view.winner is not None and scored[nth].number == view.winner.number
        axes.plot(
            range(len(heights)),
            [column[nth] for column in heights],
            color=shade(colors, scored[nth]),
            linewidth=3 if wins else 0.9,
            marker="o",
            markersize=4 if wins else 2,
            alpha=1.0 if wins else 0.7,
        )
    names = [path.replace(".", ".\n", 1) for path in (*paths, OBJECTIVE)]
    axes.set_xticks(range(len(names)), names, fontsize="small")
    axes.set_xlim(-0.3, len(names) - 0.4)
    axes.set_yticks([])
    axes.set_ylim(-0.06, 1.06)
    axes.spines[:].set_visible(False)
    return figure


def _heights(view: StudyView, scored: Sequence[TrialView], path: str, axes: Axes, at: int) -> list[float]:
    values = [trial.searched[path] for trial in scored]
    return _scaled(values, Scale.of(path, values, view.space), axes, at)


def _scaled(values: Sequence[Any], scale: Scale, axes: Axes, at: int) -> list[float]:
    """Heights from 0 to 1; writes the ends or choices beside the axis."""
    places = [math.log(scale.place(value)) if scale.log else scale.place(value) for value in values]
    low, high = (0.0, len(scale.choices) - 1.0) if scale.choices else (min(places), max(places))
    width = (high - low) or 1.0
    axes.axvline(at, color="black", linewidth=0.8, zorder=0)
    ends = [math.exp(end) if scale.log else end for end in (low, high)]
    marks = enumerate(scale.choices) if scale.choices else zip((low, high), map(setting, ends), strict=True)
    for place, text in marks:
        axes.annotate(
            text, (at, (place - low) / width), (3, 2), textcoords="offset points", fontsize="x-small"
        )
    return [(place - low) / width for place in places]
