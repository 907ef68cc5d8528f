"""The sections of a report, in the order of the page: each makes a `Section` of a `StudyView`, or none.

A new section is one function in a file of its own and one line here.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.report.content import Section
from analysis.report.sections.answer import answer
from analysis.report.sections.centers import centers
from analysis.report.view import StudyView

__all__ = ["SECTIONS"]

SECTIONS: tuple[Callable[[StudyView], Section | None], ...] = (
    answer,
    centers,
)
