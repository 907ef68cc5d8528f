"""The winner by lesion size, center and subset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.cases import SEEN
from analysis.cross_center import CENTERS, DICE, REMOVED, VALUE, N
from analysis.estimates import estimate
from analysis.report.content import Drawing, Section
from analysis.report.svg import COLORS, MARKERS, tidy
from analysis.report.view import StudyView
from analysis.report.words import given
from analysis.tables import TESTED, Cell, Column, Table
from study.config import split_modalities

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.method import Method

BOUNDS_ML = (1.0, 10.0, 50.0)  # between classes of size
MOST_POINTS = 400  # of a panel


def strata(view: StudyView) -> Section | None:
    """Dice by size of the reference; none without test subjects whose reference is not empty."""
    if view.rows is None:
        return None
    rows = view.rows[(view.rows["split"] == "test") & (view.rows["reference_volume_ml"] > 0)]
    if rows.empty:
        return None
    caption = (
        "Dice of each test subject against the volume of its reference: circles, seen centers; squares, unseen ones. "
        "Small targets lose more Dice by one voxel than large ones."
    )
    return Section(
        "strata",
        "By size, center and subset",
        (
            "Centers differ in the sizes of what they scan; a center that looks worse may only have smaller "
            "targets. Centers and subsets stand above, in the table center by center.",
        ),
        tables=(size_table(rows, view.method),),
        drawings=(Drawing("by-size", caption, lambda: _draw(rows)),),
    )


def size_table(rows: pd.DataFrame, method: Method) -> Table:
    """One line for each class of size, kind of centers and set of removed modalities.

    Args:
        rows: of test subjects of one trial, whose reference is not empty.
        method: how means are taken.
    """
    classes = np.searchsorted(BOUNDS_ML, rows["reference_volume_ml"].to_numpy(float), side="right")
    orders = rows["removed"].map(lambda removed: len(split_modalities(removed)))
    keyed = rows.assign(
        unseen=~rows["seen"].astype(bool),
        order=orders,
        size=[_class(nth) for nth in classes.tolist()],
        place=classes,
    )
    lines: list[tuple[Cell, ...]] = []
    for (unseen, _, removed, _, size), part in keyed.groupby(["unseen", "order", "removed", "place", "size"]):
        found = estimate(
            part["dice"].to_numpy(float), part["center"].to_numpy(object), method.average, bounds=DICE
        )
        lines.append((SEEN[not unseen], str(removed), str(size), found.n, found))
    return Table(
        "sizes",
        f"Dice by volume of the reference: {method.name}",
        (CENTERS, REMOVED, Column("size", "reference"), N, VALUE),
        tuple(lines),
        (*method.notes, "Subjects with an empty reference are left out.", TESTED),
    )


def _class(nth: int) -> str:
    if nth == 0:
        return f"below {BOUNDS_ML[0]:g} mL"
    return (
        f"{BOUNDS_ML[nth - 1]:g} to {BOUNDS_ML[nth]:g} mL"
        if nth < len(BOUNDS_ML)
        else f"from {BOUNDS_ML[-1]:g} mL"
    )


def _draw(rows: pd.DataFrame) -> Figure:
    from matplotlib.figure import Figure

    removals = sorted(set(rows["removed"]), key=lambda removed: (len(split_modalities(removed)), removed))
    columns = min(len(removals), 3)
    lines = -(-len(removals) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.8, 2.7 * lines + 0.3), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, removed in zip(panels.flat, removals, strict=False):
        part = rows[rows["removed"] == removed]
        for nth, seen in enumerate((True, False)):
            _points(axes, part[part["seen"].astype(bool) == seen], nth)
        axes.set_title(given(removed), fontsize="medium")
        axes.set_xscale("log")
        axes.set_ylim(-0.03, 1.03)
        tidy(axes)
    for axes in panels.flat[len(removals) :]:
        axes.set_axis_off()
    figure.supxlabel("volume of the reference (mL)", fontsize="medium")
    figure.supylabel("Dice", fontsize="medium")
    return figure


def _points(axes: Axes, rows: pd.DataFrame, nth: int) -> None:
    shown = rows if len(rows) <= MOST_POINTS else rows.sample(MOST_POINTS, random_state=0)
    axes.plot(
        shown["reference_volume_ml"],
        shown["dice"],
        MARKERS[nth],
        color=COLORS[nth],
        markerfacecolor="none" if nth == 0 else COLORS[nth],
        markersize=3.5,
        alpha=0.8,
    )
