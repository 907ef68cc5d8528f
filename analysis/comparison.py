"""Two systems on the same test subjects: their differences as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from analysis.cases import Cases, Group
from analysis.cross_center import CENTERS, REMOVED
from analysis.method import Method
from analysis.pairing import Contrast, contrast, difference_table
from analysis.tables import Column, Table
from study.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.estimates import Estimate

COLORS = ("#D55E00", "#666666")


def compare(sides: Mapping[str, Sequence[pd.DataFrame]], method: Method) -> list[Contrast]:
    """Compare two sides group by group, and by occlusion where it is known.

    Args:
        sides: the rows of each run, by the side's name; only those of split test are read.
        method: how means are taken.

    Raises:
        StudyError: the sides have no test subject in common.
    """
    tested = [[Cases.of(rows) for rows in runs] for runs in sides.values()]
    groups = {group for runs in tested for cases in runs for group, _ in cases.groups()}
    contrasts = []
    for group in sorted(groups, key=lambda group: (not group.unseen, group)):
        for occlusion in ("", "proximal", "distal"):
            first, second = ([_part(cases, group, occlusion) for cases in runs] for runs in tested)
            labels = group.centers, group.removed, occlusion or "all"
            contrasts.append(contrast(labels, first, second, method, beyond=group.unseen))
    found = [one for one in contrasts if one.difference.estimate.n]
    if not found:
        raise StudyError(
            f"{' and '.join(sides)} have no test subject in common; compare studies with the same cohort and splits"
        )
    return found


def comparison_table(contrasts: Sequence[Contrast], names: Sequence[str], method: Method) -> Table:
    """The comparison as a table; names are those of the two sides."""
    occlusions = any(one.labels[2] != "all" for one in contrasts)
    return difference_table(
        "comparison",
        f"{names[0]} against {names[1]}, on the same test subjects",
        (names[0], names[1]),
        (CENTERS, REMOVED, *([Column("occlusion", "occlusion")] if occlusions else [])),
        [one if occlusions else replace(one, labels=one.labels[:2]) for one in contrasts],
        method,
    )


def _part(cases: Cases, group: Group, occlusion: str) -> Cases:
    """The cases of one group; of all occlusions where none is named."""
    belongs = (cases.seen != group.unseen) & (cases.removed == group.removed)
    return cases.take(belongs & (cases.occlusion == occlusion) if occlusion else belongs)


def figure_of(contrasts: Sequence[Contrast], names: Sequence[str]) -> Figure:
    """Dice of both sides by group, with each run as a tick, and beside it the paired differences.

    Groups with too few subjects for an interval are left out of the figure, unless no group has one.
    """
    from matplotlib.figure import Figure

    contrasts = [one for one in contrasts if one.difference.estimate.interval is not None] or contrasts
    figure = Figure(figsize=(9.5, 1.6 + 0.75 * len(contrasts)), layout="constrained")
    means, differences = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for row, one in enumerate(contrasts):
        sides = zip(names, (one.difference.first, one.difference.second), one.difference.runs, strict=True)
        for side, (name, mean, runs) in enumerate(sides):
            at, color = row + (0.16 if side else -0.16), COLORS[side]
            _draw(means, mean, at, color, None if row else name)
            means.plot(runs, [at] * len(runs), "|", color=color, markersize=9)
        _draw(differences, one.difference.estimate, row, "black", None)
    differences.axvline(0, color="black", linewidth=0.8, linestyle="--")
    means.set_yticks(range(len(contrasts)), [_group(one) for one in contrasts])
    means.set_ylim(len(contrasts) - 0.5, -0.5)
    means.set_xlim(0, 1)
    means.set_xlabel("Dice: mean, 95 % interval,\nsingle runs (ticks)")
    figure.legend(frameon=False, loc="outside upper center", ncols=2)
    differences.set_xlabel(f"{names[0]} − {names[1]}:\npaired, 95 % interval")
    for axes in (means, differences):
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        axes.grid(axis="x", alpha=0.25, linewidth=0.6)
    return figure


def _draw(axes: Axes, mean: Estimate, at: float, color: str, label: str | None) -> None:
    """A dot for the mean, and a bar for its interval where there is one."""
    if mean.interval is not None:
        axes.plot([*mean.interval], [at, at], color=color, linewidth=2.5, alpha=0.5)
    axes.plot([mean.mean], [at], "o", color=color, markersize=7, label=label)


def _group(one: Contrast) -> str:
    centers, removed, occlusion = one.labels
    which = "" if occlusion == "all" else f", {occlusion} occlusions"
    given = f"without {removed}" if removed else "with all they have"
    return f"{centers}{which},\n{given} (n = {one.difference.estimate.n})"
