"""Reader for the longitudinal MS data of the ISBI 2015 challenge (Carass et al., NeuroImage 2017).

::

    <root>/training01/preprocessed/training01_01_{mprage,flair,t2,pd}_pp.nii    01 is the examination
    <root>/training01/masks/training01_01_mask{1,2}.nii                         of two raters

The folder above <root> will do, too. Examinations of a person are subjects of one patient. The folders test01 and so on
have no masks and are not read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from study.cohort.aliases import used_names
from study.cohort.filenames import folders_named, nifti_files, single_files, stem
from study.cohort.records import Entry, Listing
from study.cohort.sequences import sequence_named
from study.config import CohortConfig
from study.config.words import number_of
from study.errors import CohortError, Problem, Remark

_PATIENT = re.compile(r"training\d+")
_IMAGE = re.compile(r"(?P<look>training\d+_\d+)_(?P<sequence>[A-Za-z0-9]+)_pp")
_MASK = re.compile(r"(?P<look>training\d+_\d+)_mask(?P<rater>[12])")


def list_isbi2015(cohort: CohortConfig) -> Listing:
    """Every examination of every training patient; raises CohortError if there is none."""
    root = cohort.isbi2015.root or Path()
    patients = _patients(root) or [one for folder in folders_named(root, "") for one in _patients(folder)]
    if not patients:
        what = "no folder training01 or the like in it"
        remedy = "give the folder that holds training01, training02, …"
        raise CohortError([Problem("cohort.isbi2015.root", root.absolute(), what, remedy)])
    entries = [entry for patient in patients for entry in _examinations(cohort, patient)]
    tests = {parent for patient in patients for parent in folders_named(patient.parent, "test")}
    remarks = [Remark("ISBI 2015", f"without masks, and not read: {number_of(len(tests), 'folder')} test…")]
    return Listing(tuple(entries), tuple(remarks if tests else ()))


def _patients(root: Path) -> list[Path]:
    return [folder for folder in folders_named(root, "training") if _PATIENT.fullmatch(folder.name)]


def _examinations(cohort: CohortConfig, patient: Path) -> Iterator[Entry]:
    center, rater = cohort.isbi2015.center, cohort.isbi2015.rater
    images: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    masks: dict[str, dict[int, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in nifti_files(patient / "preprocessed"):
        if match := _IMAGE.fullmatch(stem(path)):
            images[match["look"]][sequence_named(match["sequence"], cohort.sequences)].append(path)
    for path in nifti_files(patient / "masks"):
        if match := _MASK.fullmatch(stem(path)):
            masks[match["look"]][int(match["rater"])].append(path)
    if not images:
        yield Entry(patient.name, patient.name, center, {}, {}, (_no_images(patient),))
    for look, found in sorted(images.items()):
        chosen, faults = single_files(look, found, used_names(found, cohort))
        drawn, mask_faults = single_files(look, {"lesion": masks[look][rater]}, ("lesion",))
        other = 3 - rater
        if not masks[look][rater] and masks[look][other]:
            what = f"rater {rater} has drawn no mask ({look}_mask{rater}), but rater {other} has"
            remedy = f"restore it, or set cohort.isbi2015.rater={other}"
            mask_faults = (Problem(look, patient / "masks", what, remedy),)
        if not look.startswith(f"{patient.name}_"):
            what, remedy = f"its files lie in the folder of {patient.name}", "move them to their own"
            faults = (*faults, Problem(look, patient, what, remedy))
        yield Entry(look, patient.name, center, chosen, drawn, (*faults, *mask_faults))


def _no_images(patient: Path) -> Problem:
    remedy = "unpack the archive again: images are read from preprocessed alone"
    if nifti_files(patient / "orig"):
        remedy += "; those in orig are not registered to each other"
    what = f"no {patient.name}_01_flair_pp.nii or the like in its folder preprocessed"
    return Problem(patient.name, patient / "preprocessed", what, remedy)
