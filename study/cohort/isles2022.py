"""Reader for ISLES 2022 (Hernandez Petzsche et al., Scientific Data 2022), in either layout of its releases.

::

    <root>/sub-*/ses-*/dwi/*_dwi.nii.gz, *_adc.nii.gz      one layout
    <root>/sub-*/ses-*/anat/*_FLAIR.nii.gz
    <root>/rawdata/sub-*/ses-*/*_{dwi,adc,flair}.nii.gz    the other
    <root>/derivatives/sub-*/ses-*/*_msk.nii.gz            the lesion, in both
"""

from __future__ import annotations

from pathlib import Path

from study.cohort.aliases import used_names
from study.cohort.filenames import folders_named, images_by_suffix, nifti_files, single_files
from study.cohort.records import Entry, Listing
from study.config import CohortConfig
from study.errors import CohortError, Problem


def list_isles2022(cohort: CohortConfig) -> Listing:
    """Every session of every subject under `cohort.isles2022.root`; raises CohortError if there is none."""
    root = cohort.isles2022.root or Path()
    subjects = [folder for parent in (root / "rawdata", root) for folder in folders_named(parent, "sub-")]
    if not subjects:
        what = "no folder sub-* in it, nor in its rawdata"
        remedy = "give the folder that holds sub-strokecase0001, … (or rawdata) and derivatives"
        raise CohortError([Problem("cohort.isles2022.root", root.absolute(), what, remedy)])
    return Listing(tuple(entry for subject in subjects for entry in _sessions(cohort, root, subject)))


def _sessions(cohort: CohortConfig, root: Path, subject: Path) -> list[Entry]:
    sessions = folders_named(subject, "ses-")
    entries = []
    for session in sessions or [subject]:
        identity = f"{subject.name}_{session.name}" if len(sessions) > 1 else subject.name
        scans = nifti_files(session, session / "dwi", session / "anat")
        found = images_by_suffix(scans, cohort.sequences)
        images, image_problems = single_files(identity, found, used_names(found, cohort))
        derivatives = root / "derivatives" / session.relative_to(subject.parent)
        lesions = [path for path in nifti_files(derivatives) if "_msk.nii" in path.name]
        masks, mask_problems = single_files(identity, {"lesion": lesions}, ("lesion",))
        problems = image_problems + mask_problems
        entries.append(Entry(identity, subject.name, cohort.isles2022.center, images, masks, problems))
    return entries
