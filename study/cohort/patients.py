"""Which scans belong to one patient, and in which order patients are dealt to splits."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from study.cohort.records import Subject

Patient = tuple[str, str]
Use = Literal["train", "validation", "test"]
USES: tuple[Use, ...] = ("train", "validation", "test")

# A plain number, "sub-012", "patient 7", "s3": every center counts anew, so equal ids are different people.
_GENERIC = re.compile(r"(sub|subj|subject|patient|pat|pt|case|id|[a-z])?[-_ ]?0*\d{1,4}", re.IGNORECASE)


def patient_of(subject: Subject) -> Patient:
    """Who was scanned.

    Equal patient ids mean one person; at different centers only if the id is not a running number.
    """
    return (subject.center if _GENERIC.fullmatch(subject.patient) else "", subject.patient)


def shuffled(patients: set[Patient], center: str, seed: int) -> list[Patient]:
    """Patients in an order that depends on seed and names only.

    They are sorted by hash, so that the listed order does not matter and an additional patient moves few others.
    """

    def rank(patient: Patient) -> bytes:
        return hashlib.sha256(repr((seed, center, patient)).encode()).digest()

    return sorted(patients, key=rank)
