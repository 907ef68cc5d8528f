"""Reader for the simulated cohort: phantoms need not be on disk to be listed."""

from __future__ import annotations

from pathlib import Path

from study.cohort.records import MASKS, Entry, Listing
from study.config import CohortConfig
from study.phantoms import PhantomSubject, phantom_files, phantom_folder, phantom_roster


def list_phantoms(cohort: CohortConfig) -> Listing:
    """Every phantom that `cohort.phantom` asks for, with the files that it has or will have."""
    folder = phantom_folder(cohort.phantom, cohort.phantom.root or Path())
    return Listing(tuple(phantom_entry(subject, folder) for subject in phantom_roster(cohort.phantom)))


def phantom_entry(subject: PhantomSubject, folder: Path) -> Entry:
    """A phantom of the cohort in a folder; its files need not exist yet."""
    files = phantom_files(subject, folder)
    return Entry(
        id=subject.id,
        patient=subject.patient,
        center=subject.center,
        images=files.images,
        masks={name: path for name, path in files.masks.items() if name in MASKS},
        occlusion=subject.occlusion,
        control=subject.control,
        simulated=True,
    )
