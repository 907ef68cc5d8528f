"""Training curves: the winner's with g(t) underneath, and the objective of all trials over the rungs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figures import training_curves
from analysis.report.content import Drawing, Section
from analysis.report.svg import COLORS, tidy
from analysis.report.view import StudyView
from study.training.rungs import study_rungs

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {"complete": "-", "pruned": ":", "failed": "--", "not ended": "-."}


def training(view: StudyView) -> Section | None:
    """The curves; none before the first epoch."""
    if not any(trial.epochs for trial in view.trials):
        return None
    drawings = []
    winner = view.winner
    if winner is not None and winner.epochs:
        own = view.config.with_values(winner.searched)
        rungs = _rungs(view) if len(view.trials) > 1 else ()
        caption = (
            f"Training of the winner (trial {winner.number}): loss, validation Dice before post-processing, and g, "
            f"what is left of a dropped modality ({own.schedule.shape}).{MARKS if rungs else ''}"
        )
        epochs = [epoch.to_dict() for epoch in winner.epochs]
        drawings.append(Drawing("training", caption, lambda: training_curves(epochs, rungs)))
    if sum(any(epoch.validation for epoch in trial.epochs) for trial in view.trials) > 1:
        caption = (
            "Objective at each validation of all trials: solid to the end, dotted until pruned, dashed until failed, "
            f"dash-dotted under way; heavy: the winner.{MARKS if _rungs(view) else ''}"
        )
        drawings.append(Drawing("objectives", caption, lambda: _objectives(view)))
    return Section("training", "Training", drawings=tuple(drawings)) if drawings else None


MARKS = " Vertical lines: rungs, at which trials are compared."


def _rungs(view: StudyView) -> tuple[int, ...]:
    """Epochs at which trials are compared; none without a scheduler."""
    return (
        study_rungs(view.config.trainer, view.config.tuning) if view.config.tuning.scheduler != "none" else ()
    )


def _objectives(view: StudyView) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.subplots()
    for trial in view.trials:
        validated = [epoch for epoch in trial.epochs if epoch.validation is not None]
        wins = view.winner is not None and trial.number == view.winner.number
        axes.plot(
            [epoch.epoch for epoch in validated],
            [epoch.objective for epoch in validated],
            linestyle=STYLES[trial.state],
            color=COLORS[1] if wins else COLORS[0],
            linewidth=2.5 if wins else 0.8,
            alpha=1.0 if wins else 0.5,
            zorder=3 if wins else 2,
        )
    for rung in _rungs(view):
        axes.axvline(rung, color=COLORS[-1], linestyle="--", linewidth=0.8)
    axes.set_xlabel("epoch")
    axes.set_ylabel("objective")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(axes)
    return figure
