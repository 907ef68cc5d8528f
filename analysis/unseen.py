"""Several studies, each at the centers that it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.cases import Cases
from analysis.cross_center import CENTER, DICE, REMOVED, VALUE, N
from analysis.estimates import estimate
from analysis.tables import TESTED, Cell, Column, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.method import Method
    from study.records import Ranking

STUDY = Column("study", "study")
LEARNT = Column("centers_learnt_from", "centers learnt from", "count")
ALL = "all studies"


def unseen_table(rankings: Mapping[str, Ranking], method: Method) -> Table:
    """One line per study, unseen center and removed modalities: the mean Dice of the winner on its test subjects.

    Where no subject is tested by two studies, as when each center is left out once, further lines have all subjects.

    Args:
        rankings: of studies that have a winner, by the name that is shown.
        method: how intervals are named; means are over subjects.
    """
    lines: list[tuple[Cell, ...]] = []
    together: dict[str, list[NDArray[np.float64]]] = {}
    tested: list[str] = []
    for name, ranking in rankings.items():
        unseen = [
            (group, cases)
            for group, cases in Cases.of(ranking.winning_rows()).groups(by_center=True)
            if group.unseen
        ]
        for group, cases in unseen:
            found = estimate(cases.dice, bounds=DICE)
            lines.append((name, _learnt_from(ranking), group.center, group.removed, found.n, found))
            together.setdefault(group.removed, []).append(cases.dice)
        tested += {subject for _, cases in unseen for subject in cases.subject}
    if len(rankings) > 1 and len(set(tested)) == len(tested):
        for removed, values in together.items():
            found = estimate(np.concatenate(values), bounds=DICE)
            lines.append((ALL, None, "", removed, found.n, found))
    return Table(
        "unseen",
        "Dice of each study's winner on test subjects of the centers that it has not learnt from",
        (STUDY, LEARNT, CENTER, REMOVED, N, VALUE),
        tuple(lines),
        (*replace(method, average="subjects").notes, TESTED),
    )


def _learnt_from(ranking: Ranking) -> int:
    """The number of centers whose subjects a study trained on."""
    prepared = ranking.folder.prepared.read()
    trained = set(prepared.splits.train)
    return len({one.facts.center for one in prepared.used if one.facts.key in trained})
