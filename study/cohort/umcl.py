"""Reader for the multi-rater MS data of the University Medical Center Ljubljana (Lesjak et al., Neuroinformatics 2018).

::

    <root>/patient01/[patient01_]{FLAIR,T1W,T1WKS,T2W}.nii.gz
    <root>/patient01/[patient01_]consensus_gt.nii.gz
    <root>/patient01/[patient01_]brainmask.nii.gz
    <root>/patient01/raw/                              on grids of their own: not read
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from study.cohort.aliases import used_names
from study.cohort.filenames import folders_named, nifti_files, single_files, stem
from study.cohort.records import MASKS, Entry, Listing
from study.cohort.sequences import sequence_named
from study.config import CohortConfig
from study.errors import CohortError, Problem

_PATIENT = re.compile(r"patient\d+")
_MASKS = {"consensus_gt": "lesion", "brainmask": "brain"}
_SEQUENCES = ("flair", "t1w", "t1wks", "t2w")


def list_umcl(cohort: CohortConfig) -> Listing:
    """Every patient under `cohort.umcl.root`; raises CohortError if there is none."""
    root = cohort.umcl.root or Path()
    patients = [folder for folder in folders_named(root, "patient") if _PATIENT.fullmatch(folder.name)]
    if not patients:
        what = "no folder patient01 or the like in it"
        remedy = "give the folder that holds patient01, patient02, …"
        raise CohortError([Problem("cohort.umcl.root", root.absolute(), what, remedy)])
    return Listing(tuple(_entry(cohort, patient) for patient in patients))


def _entry(cohort: CohortConfig, patient: Path) -> Entry:
    images: dict[str, list[Path]] = defaultdict(list)
    masks: dict[str, list[Path]] = defaultdict(list)
    problems: list[Problem] = []
    for path in nifti_files(patient):
        name = stem(path).removeprefix(f"{patient.name}_")
        if name in _MASKS:
            masks[_MASKS[name]].append(path)
        elif name.casefold() in _SEQUENCES:
            images[sequence_named(name, cohort.sequences)].append(path)
        elif _PATIENT.match(name):
            remedy = f"its name should begin with {patient.name}, or with the sequence"
            problems.append(Problem(patient.name, path, "is a file of another patient", remedy))
    if not images and nifti_files(patient / "raw"):
        what = "has images in raw alone, which are not registered to each other"
        problems.append(Problem(patient.name, patient, what, "unpack the archive again"))
    chosen, faults = single_files(patient.name, images, used_names(images, cohort))
    drawn, mask_faults = single_files(patient.name, masks, MASKS)
    found = (*problems, *faults, *mask_faults)
    return Entry(patient.name, patient.name, cohort.umcl.center, chosen, drawn, found)
