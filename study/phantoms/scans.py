"""Phantoms as a user would have them: a BIDS-like folder, and a manifest of the same files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from study.config import Phantom
from study.machine.files import atomic
from study.machine.progress import Progress, unwatched
from study.phantoms.roster import phantom_files, phantom_roster
from study.phantoms.write import write_cohort

MANIFEST = "scans.csv"
MASK_COLUMNS = {"lesion": "lesion", "thrombus": "thrombus", "brain": "brain mask"}


def write_scans(settings: Phantom, folder: Path, progress: Progress = unwatched) -> int:
    """Write a cohort with its manifest to a folder; returns the number of subjects.

    `progress` is told of each subject that is written.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """
    write_cohort(settings, folder, progress)
    with atomic(folder / MANIFEST) as temporary:
        temporary.write_text(manifest(settings), encoding="utf-8")
    return len(phantom_roster(settings))


def manifest(settings: Phantom) -> str:
    """The text of a manifest as `study.cohort.manifest` reads it; paths are relative to the cohort's folder."""
    rows = list(_rows(settings))
    columns = list(dict.fromkeys(column for row in rows for column in row))
    columns.sort(key=list(MASK_COLUMNS.values()).__contains__)  # masks last
    lines = [columns, *([row.get(column, "") for column in columns] for row in rows)]
    return "".join(",".join(cells) + "\n" for cells in lines)


def _rows(settings: Phantom) -> Iterator[dict[str, str]]:
    """The cells of each subject by column; columns of files that it lacks are left out."""
    for subject in phantom_roster(settings):
        files = phantom_files(subject, Path())
        yield {
            "subject": subject.id.removeprefix("sub-"),
            "patient": subject.patient,
            "center": subject.center,
            "occlusion": subject.occlusion,
            "control": "yes" if subject.control else "no",
            **{modality: path.as_posix() for modality, path in files.images.items()},
            **{
                MASK_COLUMNS[name]: path.as_posix()
                for name, path in files.masks.items()
                if name in MASK_COLUMNS
            },
        }
