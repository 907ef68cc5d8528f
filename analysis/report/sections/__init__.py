"""The sections of a report, in the order of the page: each makes a `Section` of a `StudyView`, or none.

A new section is one function in a file of its own and one line here.
"""

from __future__ import annotations

from collections.abc import Callable

from analysis.report.content import Section
from analysis.report.sections.answer import answer
from analysis.report.sections.centers import centers
from analysis.report.sections.failures import failures
from analysis.report.sections.goals import goals
from analysis.report.sections.hygiene import hygiene
from analysis.report.sections.mattered import mattered
from analysis.report.sections.methods import methods
from analysis.report.sections.metrics import metrics
from analysis.report.sections.strata import strata
from analysis.report.sections.subjects import subjects
from analysis.report.sections.tradeoff import tradeoff
from analysis.report.sections.training import training
from analysis.report.sections.volumes import volumes
from analysis.report.view import StudyView

__all__ = ["SECTIONS"]

SECTIONS: tuple[Callable[[StudyView], Section | None], ...] = (
    answer,
    centers,
    metrics,
    goals,
    mattered,
    tradeoff,
    training,
    strata,
    volumes,
    subjects,
    failures,
    hygiene,
    methods,
)
