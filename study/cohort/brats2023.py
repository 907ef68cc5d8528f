"""Reader for the data sets of BraTS 2023 (Baid et al. 2021 and others): gliomas and their like.

::

    <root>/BraTS-GLI-00000-000/BraTS-GLI-00000-000-{t1n,t1c,t2w,t2f}.nii.gz
    <root>/BraTS-GLI-00000-000/BraTS-GLI-00000-000-seg.nii.gz    labels 1, 2 and 3

The first number is the patient, the second the examination. No name tells the institution: cases count for one center,
GLI or whatever their names say, unless a table tells more. The lesion is the whole tumour, of all labels.
"""

from __future__ import annotations

from pathlib import Path

from study.cohort.brats import BRATS2023, find_cases
from study.cohort.case_origins import Origin, origins_from_table
from study.cohort.records import Entry, Listing
from study.config import CohortConfig


def list_brats2023(cohort: CohortConfig) -> Listing:
    """Every case under `cohort.brats2023.root`.

    Raises:
        CohortError: there is none, or the table that tells the centers cannot be used.
    """
    settings = cohort.brats2023
    cases = find_cases(BRATS2023, settings.root or Path(), cohort)
    remarks = cases.remarks
    origins: dict[str, Origin] = {}
    if settings.table is not None:
        names = [case.name for case in cases.found if case.told]
        told = origins_from_table(settings.table, names, "cohort.brats2023.table")
        origins, remarks = dict(told.of), (*remarks, *told.remarks)
    entries = []
    for case in cases.found:
        origin = origins.get(case.name, Origin(settings.center or case.told.get("center", ""), case.name))
        patient = case.name.rpartition("-")[0] if origin.patient == case.name else origin.patient
        entries.append(
            Entry(
                id=case.name,
                patient=patient,
                center=origin.center,
                images=case.images,
                masks=case.masks,
                problems=(*origin.problems, *case.problems),
                labels=BRATS2023.labels,
            )
        )
    return Listing(tuple(entries), remarks)
