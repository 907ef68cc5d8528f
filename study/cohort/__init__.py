"""Who is studied: subjects, centers, splits; one reader per dataset layout; the phantom simulator."""

from __future__ import annotations

from study.cohort.load import READERS, load_cohort, plan_cohort
from study.cohort.records import Cohort, Splits, Subject
from study.cohort.splits import split_cohort
from study.cohort.store import cohort_hash, read_cohort, read_splits, write_splits

__all__ = [
    "READERS",
    "Cohort",
    "Splits",
    "Subject",
    "cohort_hash",
    "load_cohort",
    "plan_cohort",
    "read_cohort",
    "read_splits",
    "split_cohort",
    "write_splits",
]
