"""Dice by center, averaged, what a removed modality costs, what the winner gains, the ensemble, and the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.estimates import Estimate
from analysis.report.content import Drawing, Section
from analysis.report.svg import COLORS, MARKERS, tidy
from analysis.report.view import StudyView
from analysis.report.words import given
from analysis.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def centers(view: StudyView) -> Section | None:
    """The winner's tables, and its Dice by center as a figure; none while there is no winner."""
    if not view.tables:
        return None
    own = [table for name, table in view.tables.items() if name != "metrics"]
    tables = [*own, *([view.gains] if view.gains else []), *view.ensemble, *view.rule]
    drawings = []
    if (by_center := view.tables.get("cross_center")) is not None:
        caption = (
            "Dice of the winner at each center: mean over its test subjects and 95 % interval. Centers below the line "
            "took no part in training."
        )
        drawings.append(Drawing("by-center", caption, lambda: _forest(by_center)))
    return Section("centers", "Center by center", tables=tuple(tables), drawings=tuple(drawings))


def _forest(table: Table) -> Figure:
    """Means and intervals, a line for each center, a marker for each set of removed modalities."""
    from matplotlib.figure import Figure

    place = {column.name: at for at, column in enumerate(table.columns)}
    names = list(dict.fromkeys(str(row[place["center"]]) for row in table.rows))
    removals = list(dict.fromkeys(row[place["removed"]] for row in table.rows))
    seen = {row[place["center"]] for row in table.rows if row[place["seen"]]}
    figure = Figure(figsize=(7.5, 1.3 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    for nth, removed in enumerate(removals):
        lines = [row for row in table.rows if row[place["removed"]] == removed]
        style: dict[str, Any] = {"color": COLORS[nth % 7], "marker": MARKERS[nth % 7], "markersize": 5}
        for at, row in enumerate(lines):
            found = row[place["dice"]]
            if isinstance(found, Estimate):
                height = names.index(str(row[place["center"]])) + 0.6 * ((nth + 0.5) / len(removals) - 0.5)
                if found.interval is not None:
                    axes.plot([*found.interval], [height, height], color=style["color"], linewidth=1.6)
                label = None if at else given(str(removed))
                axes.plot([found.mean], [height], linestyle="", label=label, **style)
    if 0 < len(seen) < len(names):
        axes.axhline(len(seen) - 0.5, color=COLORS[-1], linestyle="--", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("Dice")
    tidy(axes)
    figure.legend(loc="outside upper center", ncols=4, frameon=False, fontsize="small")
    return figure
