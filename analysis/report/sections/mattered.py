"""What mattered: importances, slices, fading curves, drop probability, parallel coordinates, and all trials."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.report.content import Drawing, Section
from analysis.report.importance import FEWEST_TRIALS, Importance, importances
from analysis.report.pictures.fading import draw_fading
from analysis.report.pictures.parallel import draw_parallel
from analysis.report.pictures.slices import draw_slices
from analysis.report.sections.dropping import dropping
from analysis.report.svg import COLORS, tidy
from analysis.report.view import StudyView, TrialView
from analysis.report.words import setting
from analysis.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OBJECTIVE = (
    "The objective is that of validation subjects of seen centers; nothing here was chosen by test subjects."
)


def mattered(view: StudyView) -> Section | None:
    """What the objective depends on; none for a study that searches nothing."""
    scored = [trial for trial in view.complete if trial.value is not None and math.isfinite(trial.value)]
    paths = sorted({path for trial in view.trials for path in trial.searched} - {"study.seed"})
    if not (paths and scored):
        return None
    shared = [path for path in paths if all(path in trial.searched for trial in scored)]
    ranked = importances(scored, view.space.outer, view.config.study.seed)
    few = (
        "Importances need at least 10 complete trials, and settings that all of them searched."
        if len(scored) < FEWEST_TRIALS
        else "No setting was searched in all trials, so that none can be ranked."
    )
    drawings = [
        *([Drawing("importance", IMPORTANCE, lambda: _bars(ranked))] if ranked else []),
        Drawing("slices", SLICES, lambda: draw_slices(view, scored, paths)),
        *([Drawing("fading", FADING, lambda: draw_fading(view, scored))] if _fades(paths) else []),
        *dropping(view, scored),
        *([Drawing("parallel", PARALLEL, lambda: draw_parallel(view, scored, shared))] if shared else []),
    ]
    return Section(
        "mattered",
        "What mattered",
        (OBJECTIVE, *([] if ranked else [few])),
        tables=(*([_importance_table(ranked, len(scored))] if ranked else []), _trial_table(view, paths)),
        drawings=tuple(drawings),
    )


IMPORTANCE = (
    "Importance of the settings that all trials searched. fANOVA: share of the objective's variance over the whole "
    "space. PED-ANOVA: share of what sets the better half of the trials apart. Where they disagree, a setting may tell "
    "bad trials from the rest but not good ones from each other."
)
SLICES = (
    "The objective of each trial against each searched setting. Filled: complete trials; hollow: pruned ones, at their "
    "last validation; star: the winner."
)
FADING = (
    "g(t), what is left of a dropped modality over the training, for each complete trial; darker is better, and the "
    "heavy line is the winner's."
)
PARALLEL = (
    "Each line is a complete trial; the darker, the higher its objective, and the heavy line is the winner. Settings "
    "that only some trials searched are left out."
)


def _fades(paths: list[str]) -> bool:
    return any(path.startswith("schedule.") for path in paths)


def _importance_table(ranked: list[Importance], trials: int) -> Table:
    return Table(
        "importance",
        f"Importance of searched settings for the objective, {trials} complete trials",
        (
            Column("setting", "setting"),
            Column("fanova", "fANOVA", "number"),
            Column("ped_anova", "PED-ANOVA", "number"),
        ),
        tuple((one.path, one.fanova, one.ped_anova) for one in ranked),
        (
            "Each column adds up to 1. fANOVA: Hutter et al. 2014; PED-ANOVA: Watanabe et al. 2023, better half of the "
            "trials. Settings that only some trials searched are not ranked.",
        ),
    )


def _trial_table(view: StudyView, paths: list[str]) -> Table:
    def line(trial: TrialView) -> tuple[int | str | float | None, ...]:
        values = ["" if path not in trial.searched else setting(trial.searched[path]) for path in paths]
        return trial.number, trial.state, len(trial.epochs), trial.value, *values

    def rank(trial: TrialView) -> tuple[bool, float]:
        known = trial.is_complete and trial.value is not None and math.isfinite(trial.value)
        return not known, -(trial.value or 0.0) if known else trial.number

    return Table(
        "trials",
        "All trials, the best complete one first",
        (
            Column("trial", "trial", "count"),
            Column("state", "state"),
            Column("epochs", "epochs", "count"),
            Column("objective", "objective", "number"),
            *(Column(path, path) for path in paths),
        ),
        tuple(line(trial) for trial in sorted(view.trials, key=rank)),
        ("The objective of a pruned trial is that of its last validation.",),
    )


def _bars(ranked: list[Importance]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 1.0 + 0.45 * len(ranked)), layout="constrained")
    axes = figure.subplots()
    places = range(len(ranked))
    ways = (
        ("fANOVA", [one.fanova for one in ranked], -0.19, ""),
        ("PED-ANOVA", [one.ped_anova for one in ranked], 0.19, "///"),
    )
    for nth, (label, values, shift, hatch) in enumerate(ways):
        at = [place + shift for place in places]
        axes.barh(at, values, 0.36, color=COLORS[nth], hatch=hatch, edgecolor="white", label=label)
    axes.set_yticks(places, [one.path for one in ranked])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("importance")
    axes.legend(frameon=False, loc="lower right")
    tidy(axes)
    return figure
