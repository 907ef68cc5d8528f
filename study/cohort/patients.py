"""Which scans are of one patient, and in which order patients are dealt out to splits."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from study.cohort.records import Subject

Patient = tuple[str, str]
Use = Literal["train", "validation", "test"]
USES: tuple[Use, ...] = ("train", "validation", "test")

# A plain number, "sub-012", "patient 7": counted anew at every center, so it says nothing across centers.
_GENERIC = re.compile(r"(sub|subject|patient|pat|pt|p|case|id)?[-_ ]?0*\d{1,4}", re.IGNORECASE)


def patient_of(subject: Subject) -> Patient:
    """Who was scanned.

    The same patient id at one center is one person, and so at two centers unless it is a running number.
    """
    return (subject.center if _GENERIC.fullmatch(subject.patient) else "", subject.patient)


def shuffled(patients: set[Patient], center: str, seed: int) -> list[Patient]:
    """Patients in an order that depends on seed and names alone.

    By hash, so that the order in which they were listed is irrelevant, and a patient more moves few others.
    """

    def rank(patient: Patient) -> bytes:
        return hashlib.sha256(repr((seed, center, patient)).encode()).digest()

    return sorted(patients, key=rank)
