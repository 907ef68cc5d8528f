"""Agreement of volumes: Bland and Altman 1986."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analysis.cases import SEEN
from analysis.cross_center import CENTERS, REMOVED, N
from analysis.estimates import NORMAL, Estimate, Interval, estimate
from analysis.report.content import Drawing, Section
from analysis.report.sections.strata import MOST_POINTS
from analysis.report.svg import COLORS, MARKERS, tidy
from analysis.report.view import StudyView
from analysis.report.words import given
from analysis.tables import Column, Table
from study.config import split_modalities
from study.evaluation.averages import FEWEST

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Agreement:
    """Volumes of references and predictions in one group of test subjects.

    Attributes:
        centers: whose subjects these are.
        removed: the modalities taken away.
        means: of both volumes, one for each subject, in mL.
        differences: prediction minus reference.
        bias: mean difference.
        limits: of agreement, bias ± 1.96 standard deviations: where 95 % of differences lie if they are normal; None
            for fewer than 5 subjects.
    """

    centers: str
    removed: str
    means: NDArray[np.float64]
    differences: NDArray[np.float64]
    bias: Estimate
    limits: Interval | None


def volumes(view: StudyView) -> Section | None:
    """Bland–Altman plots and their numbers; none without test subjects."""
    if view.rows is None or not (view.rows["split"] == "test").any():
        return None
    found = agreements(view.rows[view.rows["split"] == "test"])
    caption = (
        "Bland–Altman plots: difference of the volumes (prediction minus reference) against their mean, one point a "
        "test subject. Solid: bias; dashed: limits of agreement."
    )
    return Section(
        "volumes",
        "Agreement of volumes",
        (
            "A bias above 0 says that predictions are too large. The limits of agreement say how far the volume of a "
            "single patient may be off.",
        ),
        tables=(_table(found),),
        drawings=(Drawing("volumes", caption, lambda: _draw(found)),),
    )


def agreements(rows: pd.DataFrame) -> list[Agreement]:
    """One for each kind of centers and set of removed modalities; rows are those of test subjects of one trial."""
    found = []
    for (unseen, removed), part in rows.groupby([~rows["seen"].astype(bool), "removed"]):
        reference, predicted = (
            part[f"{which}_volume_ml"].to_numpy(float) for which in ("reference", "predicted")
        )
        difference = predicted - reference
        bias = estimate(difference)
        limits = None
        if difference.size >= FEWEST:
            half = NORMAL * float(difference.std(ddof=1))
            limits = Interval(bias.mean - half, bias.mean + half)
        found.append(
            Agreement(SEEN[not unseen], str(removed), (predicted + reference) / 2, difference, bias, limits)
        )
    return sorted(
        found, key=lambda one: (one.centers != SEEN[True], len(split_modalities(one.removed)), one.removed)
    )


def _table(found: list[Agreement]) -> Table:
    return Table(
        "volumes",
        "Volume of predictions minus volume of references, in mL",
        (
            CENTERS,
            REMOVED,
            N,
            Column("bias_ml", "bias", "estimate", 2, signed=True),
            Column("limits_ml", "limits of agreement", "interval", 2, signed=True),
        ),
        tuple((one.centers, one.removed, one.bias.n, one.bias, one.limits) for one in found),
        (
            "Mean over subjects with 95 % interval (Student's t). Limits of agreement: bias ± 1.96 standard "
            f"deviations, for at least {FEWEST} subjects. An empty mask has 0 mL.",
        ),
    )


def _draw(found: list[Agreement]) -> Figure:
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(one.centers for one in found))
    removals = list(dict.fromkeys(one.removed for one in found))
    figure = Figure(figsize=(9, 2.2 * len(removals) + 0.6), layout="constrained")
    panels = figure.subplots(len(removals), len(kinds), sharex=True, sharey=True, squeeze=False)
    for one in found:
        column = kinds.index(one.centers)
        axes = panels[removals.index(one.removed), column]
        shown = np.random.default_rng(0).permutation(one.means.size)[:MOST_POINTS]
        axes.plot(
            one.means[shown], one.differences[shown], MARKERS[column], color=COLORS[column], markersize=3
        )
        axes.axhline(0, color="black", linewidth=0.6)
        axes.axhline(one.bias.mean, color=COLORS[1 - column], linewidth=1.4)
        for limit in one.limits or ():
            axes.axhline(limit, color=COLORS[1 - column], linestyle="--", linewidth=1.2)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_yscale("symlog", linthresh=10)
        tidy(axes)
    for axes in panels.flat:
        axes.set_visible(bool(axes.lines))
    for column, kind in enumerate(kinds):
        panels[0, column].set_title(kind, fontsize="medium")
    for row, removed in enumerate(removals):
        panels[row, 0].set_ylabel(given(removed), fontsize="small")
    figure.supxlabel("mean of both volumes (mL)", fontsize="medium")
    figure.supylabel("prediction − reference (mL)", fontsize="medium")
    return figure
