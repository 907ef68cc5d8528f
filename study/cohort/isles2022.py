"""Reader for ISLES 2022 (Hernandez Petzsche et al., Scientific Data 2022): both layouts that are about.

::

    <root>/sub-*/ses-*/dwi/*_dwi.nii.gz, *_adc.nii.gz      either so, or
    <root>/sub-*/ses-*/anat/*_FLAIR.nii.gz
    <root>/rawdata/sub-*/ses-*/*_{dwi,adc,flair}.nii.gz    so
    <root>/derivatives/sub-*/ses-*/*_msk.nii.gz            the lesion, in both
"""

from __future__ import annotations

from pathlib import Path

from study.cohort.aliases import used_names
from study.cohort.filenames import folders_named, images_by_suffix, nifti_files, single_files
from study.cohort.records import Entry
from study.config import Config
from study.errors import CohortError, Problem


def list_isles2022(config: Config) -> list[Entry]:
    """Every session of every subject under `cohort.isles2022.root`; raises CohortError if there is none."""
    settings = config.cohort.isles2022
    root = settings.root or Path()
    subjects = [folder for parent in (root / "rawdata", root) for folder in folders_named(parent, "sub-")]
    if not subjects:
        raise CohortError(
            [
                Problem(
                    "cohort.isles2022.root",
                    root.absolute(),
                    "no folder sub-* in it, nor in its rawdata",
                    "give the folder that holds sub-strokecase0001, … (or rawdata) and derivatives",
                )
            ]
        )
    entries = []
    for subject in subjects:
        sessions = folders_named(subject, "ses-")
        for session in sessions or [subject]:
            several = len(sessions) > 1
            identity = f"{subject.name}_{session.name}" if several else subject.name
            derivatives = root / "derivatives" / session.relative_to(subject.parent)
            entries.append(_entry(config, identity, subject.name, session, derivatives))
    return entries


def _entry(config: Config, identity: str, patient: str, session: Path, derivatives: Path) -> Entry:
    cohort = config.cohort
    scans = nifti_files(session, session / "dwi", session / "anat")
    found = images_by_suffix(scans, cohort.sequences)
    images, image_problems = single_files(identity, found, used_names(found, cohort))
    lesions = [path for path in nifti_files(derivatives) if "_msk.nii" in path.name]
    masks, mask_problems = single_files(identity, {"lesion": lesions}, ("lesion",))
    return Entry(identity, patient, cohort.isles2022.center, images, masks, image_problems + mask_problems)
