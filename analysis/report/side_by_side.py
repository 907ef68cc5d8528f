"""Several studies in one page: their winners on the same test subjects."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.report.content import Section
from analysis.report.view import StudyView
from analysis.report.words import counted, listed
from analysis.system_tables import rows_of_systems, system_tables


def side_by_side(views: Sequence[StudyView]) -> Section | None:
    """The winner of each study that has one, and what each has over that of the first; none for fewer than two.

    A study that computes what is not given goes before the others: what can be computed is not missing, so that dropout
    is judged by what it has over that.
    """
    won = sorted((view for view in views if view.winner is not None), key=lambda view: not _computes(view))
    if len(won) < 2:
        return None
    first = won[0]
    rows = rows_of_systems({view.name: [view.ranking] for view in won})
    tables = tuple(table for table in system_tables(rows, first.method) if table.rows)
    prose = [f"The winners of {listed([view.name for view in won])}; averages are those of {first.name}."]
    if _computes(first) and not all(map(_computes, won)):
        prose.append(
            f"{first.name} computes images that are not given from others (imputation.kind=physics), and is what the "
            "others are compared with: what can be computed is not missing."
        )
    trials = {len(view.trials) for view in won}
    if len(trials) > 1:
        tried = listed([f"{view.name} {counted(len(view.trials), 'trial')}" for view in won])
        prose.append(f"The studies tried differently hard ({tried}): the best of more trials is luckier.")
    cohorts = {view.prepared.cohort_hash for view in won if view.prepared}
    if len(cohorts) > 1:
        prose.append(
            "The studies have different cohorts; differences are over the test subjects that they share."
        )
    return Section("side-by-side", "Studies side by side", tuple(prose), tables=tables)


def _computes(view: StudyView) -> bool:
    return view.config.imputation.kind == "physics"
