"""Systems on the same subjects: the rows of several runs as matrices, and the table of their differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.cases import Cases
from analysis.differences import Difference, difference
from analysis.method import Method
from analysis.other_centers import OtherCenters, other_centers
from analysis.tables import TEST, TESTED, Cell, Column, Table
from analysis.wilcoxon import holm
from study.evaluation.averages import mean_over_subjects

WITH_SEEDS = (
    "Runs are trainings with other seeds. Intervals of differences include the noise of seeds, which is the standard "
    "deviation over runs (sd); p does not."
)
WITHOUT_SEEDS = (
    "Where a system has one run, the noise of seeds is not known: intervals of differences are over subjects alone; a "
    "repetition with another seed may differ by more."
)


@dataclass(frozen=True)
class Contrast:
    """What one system has over another in a group of test subjects.

    Attributes:
        labels: what the group is, a cell for each of the table's first columns.
        difference: first system minus second.
        beyond: what subjects of unseen centers say of other centers; None for those of seen ones.
    """

    labels: tuple[str, ...]
    difference: Difference
    beyond: OtherCenters | None = None


def contrast(
    labels: tuple[str, ...],
    first: Sequence[Cases],
    second: Sequence[Cases],
    method: Method,
    *,
    beyond: bool,
) -> Contrast:
    """Compare the Dice of two systems on the subjects that both were tested on.

    Args:
        labels: of the group of subjects.
        first, second: the cases of each run, restricted to the group.
        method: how means are taken.
        beyond: whether to look from these centers to others, as for unseen ones.

    Raises:
        ValueError: a run has a subject twice.
    """
    runs = [*first, *second]
    centers = {
        subject: center for run in runs for subject, center in zip(run.subject, run.center, strict=True)
    }
    values = np.array([[dice.get(name, np.nan) for name in centers] for dice in map(Cases.by_subject, runs)])
    one, other = values[: len(first)], values[len(first) :]
    names = np.array(list(centers.values()), dtype=object)
    found = difference(one, other, names, method.average)
    if not (beyond and found.estimate.n):
        return Contrast(labels, found)
    gains = mean_over_subjects(one.T) - mean_over_subjects(other.T)  # of each subject, over its runs
    return Contrast(labels, found, other_centers(gains, names, method.average, method.resamples, method.seed))


def difference_table(
    name: str,
    title: str,
    sides: tuple[str, str],
    columns: Sequence[Column],
    contrasts: Sequence[Contrast],
    method: Method,
) -> Table:
    """One row per contrast: both systems, their difference with its interval, the noise of seeds, and p after Holm.

    Args:
        name: of the table's files.
        title: without the average.
        sides: titles of the two systems.
        columns: of the contrasts' labels.
        contrasts: in the order of the rows.
        method: how means are taken.
    """
    adjusted = holm([one.difference.p for one in contrasts])
    several = any(len(runs) > 1 for one in contrasts for runs in one.difference.runs)
    seeds = all(one.difference.seeds for one in contrasts)
    beyond = [one.beyond for one in contrasts if one.beyond]
    notes = [
        *method.notes,
        WITH_SEEDS if seeds else WITHOUT_SEEDS,
        *(one.in_words() for one in beyond[:1]),
        TEST,
        TESTED,
    ]
    optional = (
        *(_seeds(sides) if several else ()),
        *(
            (Column("other_centers", "difference at other centers", "interval", signed=True),)
            if _known(beyond)
            else ()
        ),
    )
    rows = [
        (*one.labels, *_numbers(one.difference), *_optional(one, several, _known(beyond)), p)
        for one, p in zip(contrasts, adjusted, strict=True)
    ]
    return Table(
        name,
        f"{title}: Dice, {method.name}",
        (*columns, *_columns(sides), *optional, Column("p", "p", "probability")),
        tuple(rows),
        tuple(notes),
        sum(p is not None for p in adjusted),
    )


def _columns(sides: tuple[str, str]) -> tuple[Column, ...]:
    return (
        Column("n", "n", "count"),
        Column("first", sides[0], "estimate"),
        Column("second", sides[1], "estimate"),
        Column("difference", f"{sides[0]} − {sides[1]}", "estimate", signed=True),
    )


def _seeds(sides: tuple[str, str]) -> Iterable[Column]:
    for which, side in zip(("first", "second"), sides, strict=True):
        yield Column(f"{which}_runs", f"runs of {side}")
        yield Column(f"{which}_sd", f"sd of {side}", "number")


def _numbers(found: Difference) -> tuple[Cell, ...]:
    return found.estimate.n, found.first, found.second, found.estimate


def _optional(one: Contrast, several: bool, beyond: bool) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for runs, spread in zip(one.difference.runs, one.difference.spread, strict=True) if several else ():
        cells += [" ".join(f"{value:.3f}" for value in runs), spread]
    return (*cells, *((one.beyond and one.beyond.interval,) if beyond else ()))


def _known(beyond: Sequence[OtherCenters]) -> bool:
    return any(one.interval for one in beyond)
