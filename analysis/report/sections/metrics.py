"""Every metric of the winner, and what it synthesises."""

from __future__ import annotations

from analysis.report.content import Section
from analysis.report.view import StudyView

PROSE = (
    "The winner by every metric. It was chosen by the objective, which is made of Dice; no other metric took part in a "
    "choice. Formulas and sources are in the documentation, on the page Metrics."
)


def metrics(view: StudyView) -> Section | None:
    """The table of all metrics, and that of syntheses; none while there is no winner."""
    tables = [table for table in (view.tables.get("metrics"), view.synthesis) if table is not None]
    return Section("metrics", "All metrics", (PROSE,), tables=tuple(tables)) if tables else None
