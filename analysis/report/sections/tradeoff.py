"""All modalities against missing ones: which trials no other one beats at both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.report.content import Drawing, Section
from analysis.report.pictures.scores import score_colors, shade
from analysis.report.svg import COLORS, tidy
from analysis.report.view import StudyView, TrialView
from analysis.report.words import setting
from analysis.tables import Column, Table
from study.records.fronts import front_ranks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Scored = tuple[TrialView, float, float]  # Dice with all modalities, and with some missing


def tradeoff(view: StudyView) -> Section | None:
    """Dice with all against Dice with missing modalities; none where no trial has both."""
    found: list[Scored] = []
    for trial in view.complete:
        scores = trial.scores
        if scores is not None and not math.isnan(scores.full + scores.missing):
            found.append((trial, scores.full, scores.missing))
    if len(found) < 2:
        return None
    front = pareto_front(found)
    caption = (
        "Validation Dice of each complete trial after its last epoch, before post-processing: all modalities against "
        "a modality removed. The line joins trials that no other one beats at both; star: the winner; darker: a higher "
        "objective."
    )
    drawing = Drawing("tradeoff", caption, lambda: _draw(view, found, front))
    return Section(
        "tradeoff",
        "All modalities against missing ones",
        (
            "Whoever needs both may choose among the trials of the Pareto front; whoever knows how often a modality is "
            "missing weights objective.full and objective.missing accordingly.",
        ),
        tables=(_table(view, front),),
        drawings=(drawing,),
    )


def pareto_front(found: Sequence[Scored]) -> list[Scored]:
    """The trials that no other one beats at one of both values without being worse at the other, best full first."""
    ranks = front_ranks([one[1:] for one in found])
    front = [one for one, rank in zip(found, ranks, strict=True) if rank == 0]
    return sorted(front, key=lambda one: one[1:], reverse=True)


def _table(view: StudyView, front: Sequence[Scored]) -> Table:
    lines = tuple(
        (
            trial.number,
            full,
            missing,
            trial.value,
            ", ".join(f"{path}={setting(value)}" for path, value in sorted(trial.searched.items())),
        )
        for trial, full, missing in front
    )
    return Table(
        "pareto",
        "Trials on the Pareto front, validation Dice",
        (
            Column("trial", "trial", "count"),
            Column("full", "all modalities", "number"),
            Column("missing", "a modality removed", "number"),
            Column("objective", "objective", "number"),
            Column("settings", "settings"),
        ),
        lines,
        (
            "Mean over validation subjects of seen centers after the last epoch; objective: after post-processing.",
        ),
    )


def _draw(view: StudyView, found: Sequence[Scored], front: Sequence[Scored]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    colors = score_colors([trial for trial, _, _ in found])
    shades = [shade(colors, trial) for trial, _, _ in found]
    axes.scatter([full for _, full, _ in found], [missing for *_, missing in found], c=shades, s=26, zorder=2)
    axes.plot(
        [full for _, full, _ in front],
        [missing for *_, missing in front],
        color=COLORS[1],
        linestyle="--",
        marker="s",
        markerfacecolor="none",
        markersize=9,
    )
    for trial, full, missing in front:
        axes.annotate(
            str(trial.number), (full, missing), (7, 5), textcoords="offset points", fontsize="small"
        )
    for trial, full, missing in found:
        if view.winner is not None and trial.number == view.winner.number:
            axes.plot(
                [full], [missing], "*", color=COLORS[1], markersize=14, markeredgecolor="white", zorder=3
            )
    axes.set_xlabel("validation Dice, all modalities")
    axes.set_ylabel("validation Dice, a modality removed")
    figure.colorbar(colors, ax=axes, label="objective")
    tidy(axes)
    return figure
