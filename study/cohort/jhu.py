"""Reader for the stroke data of Johns Hopkins (ICPSR 38464; Liu et al., Scientific Data 2023).

::

    <root>/[part/]sub-<8 hex digits>/sub-…_{DWI,ADC,…}_space-orig.nii.gz
    <root>/[part/]sub-<8 hex digits>/sub-…_desc-stroke_mask.nii.gz
    <root>/[part/]sub-<8 hex digits>/sub-…_desc-brain_mask.nii.gz

Images and masks in a standard space (`space-MNI…`) are not read. A subject without a stroke mask is listed without one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from study.cohort.aliases import used_names
from study.cohort.filenames import folders_named, modality_named, nifti_files, single_files, stem
from study.cohort.records import MASKS, Entry, Listing
from study.config import CohortConfig
from study.errors import CohortError, Problem

_IMAGE = re.compile(r"(?P<subject>sub-[0-9a-z]+)_(?P<sequence>[0-9a-z]+)_space-orig", re.IGNORECASE)
_MASK = re.compile(
    r"(?P<subject>sub-[0-9a-z]+)_(?:space-orig_)?desc-(?P<kind>stroke|brain)_mask", re.IGNORECASE
)
_MEANING = {"stroke": "lesion", "brain": "brain"}


def list_jhu(cohort: CohortConfig) -> Listing:
    """Every subject under `cohort.jhu.root`; raises CohortError if there is none."""
    root = cohort.jhu.root or Path()
    parts = [root, *(folder for folder in folders_named(root, "") if not folder.name.startswith("sub-"))]
    subjects = [folder for part in parts for folder in folders_named(part, "sub-")]
    if not subjects:
        what = "no folder sub-… in it, nor one folder below"
        remedy = "give the folder that holds sub-0ab4fbd5 and the like, or the parts of the archive"
        raise CohortError([Problem("cohort.jhu.root", root.absolute(), what, remedy)])
    entries = tuple(_entry(cohort, subject) for subject in subjects)
    if not any(entry.images for entry in entries):
        what = f"no {subjects[0].name}_DWI_space-orig.nii.gz or the like in any of {len(subjects)} folders"
        remedy = "use cohort=bids or cohort=isles2022 if it is of another data set"
        raise CohortError([Problem("cohort.jhu.root", root.absolute(), what, remedy)])
    return Listing(entries)


def _entry(cohort: CohortConfig, folder: Path) -> Entry:
    images: dict[str, list[Path]] = defaultdict(list)
    masks: dict[str, list[Path]] = defaultdict(list)
    problems: list[Problem] = []
    for path in nifti_files(folder):
        image, mask = _IMAGE.fullmatch(stem(path)), _MASK.fullmatch(stem(path))
        match = image or mask
        if match and match["subject"].casefold() != folder.name.casefold():
            remedy = f"its name should begin with {folder.name}"
            problems.append(Problem(folder.name, path, "is a file of another subject", remedy))
        elif image:
            name = modality_named(image["sequence"], cohort.sequences)
            images[name if name in cohort.sequences else name.upper()].append(path)
        elif mask:
            masks[_MEANING[mask["kind"].casefold()]].append(path)
    chosen, faults = single_files(folder.name, images, used_names(images, cohort))
    drawn, mask_faults = single_files(folder.name, masks, MASKS)
    return Entry(
        folder.name, folder.name, cohort.jhu.center, chosen, drawn, (*problems, *faults, *mask_faults)
    )
