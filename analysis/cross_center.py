"""Dice of one trial: by center, averaged over seen and over unseen centers, and what a removed modality costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.cases import Cases
from analysis.differences import Difference
from analysis.estimates import Interval, estimate
from analysis.method import Method
from analysis.other_centers import OtherCenters, other_centers
from analysis.pairing import contrast
from analysis.tables import TEST, TESTED, Cell, Column, Table
from analysis.wilcoxon import holm
from study.config import split_modalities
from study.evaluation.averages import AVERAGES

if TYPE_CHECKING:
    import pandas as pd

DICE = (0.0, 1.0)
CENTER, GIVEN, REMOVED = (
    Column("center", "center"),
    Column("subset", "given"),
    Column("removed", "removed", "removed"),
)
N, VALUE = Column("n", "n", "count"), Column("dice", "Dice", "estimate")
CENTERS = Column("centers", "test subjects of")
AVERAGED = (CENTERS, REMOVED, Column("number_of_centers", "centers", "count"), N, VALUE)


def cross_center_table(rows: pd.DataFrame, method: Method) -> Table:
    """One line per center and removed modalities: the mean Dice of its test subjects, seen centers first.

    The modalities given are several, separated by ` | `, where subjects differ.

    Args:
        rows: of one trial, with the columns of `study.evaluation.rows.ResultRow`; only those of split test are read.
        method: how means are taken.

    Raises:
        ValueError: rows of several trials.
    """
    lines: list[tuple[Cell, ...]] = []
    for group, cases in Cases.of(rows).groups(by_center=True):
        found = estimate(cases.dice, bounds=DICE)  # within a center, both averages agree
        given = " | ".join(sorted(set(cases.subset), key=lambda names: (-names.count("+"), names)))
        lines.append((group.center, not group.unseen, given, group.removed, found.n, found))
    return Table(
        "cross_center",
        f"Dice on test subjects by center and modalities given: {AVERAGES['subjects']}",
        (CENTER, Column("seen", "seen", "flag"), GIVEN, REMOVED, N, VALUE),
        tuple(lines),
        (*replace(method, average="subjects").notes, TESTED),
    )


def average_table(rows: pd.DataFrame, method: Method) -> Table:
    """Dice averaged over all seen and over all unseen centers, for each set of removed modalities.

    Lines rest on different subjects where some lack a modality: `removal_table` compares the same ones. With
    the mean over centers, two lines for each set of removed modalities follow the paper: with them, over the centers
    that have them; without, over these and the centers that never had them (Vargas-Ibarra 2025, tables). These are two
    sets of centers.

    Args:
        rows: as for `cross_center_table`.
        method: how means are taken.

    Raises:
        ValueError: rows of several trials.
    """
    test = Cases.of(rows)
    parts = [(group.centers, group.removed, cases) for group, cases in test.groups()]
    beyond = [_beyond(cases, method) for _, _, cases in parts]
    if method.average == "centers":
        parts += _papers(test)
    intervals = [one.interval if one else None for one in beyond] + [None] * (len(parts) - len(beyond))
    lines = [_average(*part, method, interval) for part, interval in zip(parts, intervals, strict=True)]
    several = any(intervals)
    told = next((one.in_words() for one in beyond if one), None)
    return Table(
        "averages",
        f"Dice on test subjects of seen and of unseen centers: {method.name}",
        (*AVERAGED, *([Column("other_centers", "at other centers", "interval")] if several else [])),
        tuple(line if several else line[:-1] for line in lines),
        (*method.notes, *([told] if told else []), TESTED),
    )


def removal_table(rows: pd.DataFrame, method: Method) -> Table:
    """What each removed modality costs: the same test subjects with all they have, and without it.

    Args:
        rows: as for `cross_center_table`.
        method: how means are taken.

    Raises:
        ValueError: rows of several trials.
    """
    found = list(_removals(Cases.of(rows), method))
    adjusted = holm([one.p for _, _, one in found])
    lines: list[tuple[Cell, ...]] = [
        (centers, removed, one.estimate.n, one.second, one.first, one.estimate, p)
        for (centers, removed, one), p in zip(found, adjusted, strict=True)
    ]
    comparisons = sum(p is not None for p in adjusted)
    return Table(
        "removed",
        f"What a removed modality costs, on the same test subjects: Dice, {method.name}",
        (
            CENTERS,
            REMOVED,
            N,
            Column("dice_full", "Dice with all they have", "estimate"),
            Column("dice_missing", "Dice without it", "estimate"),
            Column("change", "change", "estimate", signed=True),
            Column("p", "p", "probability"),
        ),
        tuple(lines),
        (*method.notes, TEST, TESTED),
        comparisons,
    )


def _average(
    name: str, removed: str, cases: Cases, method: Method, beyond: Interval | None
) -> tuple[Cell, ...]:
    found = estimate(cases.dice, cases.center, method.average, bounds=DICE)
    centers = len(set(cases.center[~np.isnan(cases.dice)]))
    return name, removed, centers, found.n, found, beyond


def _beyond(cases: Cases, method: Method) -> OtherCenters | None:
    """What cases of unseen centers say of others; None for seen ones."""
    if cases.seen.any() or np.isnan(cases.dice).all():
        return None
    return other_centers(cases.dice, cases.center, method.average, method.resamples, method.seed)


def _papers(test: Cases) -> Iterator[tuple[str, str, Cases]]:
    """The two lines of the paper for each set of removed modalities: their name, the modalities, and the cases."""
    everything = test.removed == ""
    for removed in sorted(set(test.removed) - {""}):
        names = set(split_modalities(removed))
        present = np.array([len(names & set(split_modalities(subset))) for subset in test.subset])
        yield "centers with it (paper)", "", test.take(everything & (present == len(names)))
        never = everything & (present == 0)
        yield "all centers (paper)", removed, test.take(never | (test.removed == removed))


def _removals(test: Cases, method: Method) -> Iterator[tuple[str, str, Difference]]:
    """For each set of removed modalities: whose subjects, the modalities, and Dice without them minus Dice with all."""
    everything = test.take(test.removed == "")
    for group, cases in test.groups():
        if group.removed:
            same = everything.take(np.isin(everything.subject.astype(str), cases.subject.astype(str)))
            yield group.centers, group.removed, contrast((), [cases], [same], method, beyond=False).difference
