"""Who is studied: subjects, centers, splits; one reader for each layout of a data set.

A reader is a function from the section `cohort` to a `Listing`, with an `Entry` for each examination, and a line
in `study.config.parts`; that of an installed package finds its own settings in `cohort.settings.<reader>`. It raises
CohortError where it cannot list its source at all, and puts what is wrong with an examination into the entry.
"""

from __future__ import annotations

from study.cohort.identity import cohort_hash
from study.cohort.load import load_cohort, plan_cohort
from study.cohort.records import Cohort, Entry, Listing, Splits, Subject
from study.cohort.splits import split_cohort

__all__ = [
    "Cohort",
    "Entry",
    "Listing",
    "Splits",
    "Subject",
    "cohort_hash",
    "load_cohort",
    "plan_cohort",
    "split_cohort",
]
