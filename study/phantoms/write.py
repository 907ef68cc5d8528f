"""From simulated subjects to files: BIDS-like folders that appear whole or not at all, with reproducible bytes."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from study.config import Phantom
from study.machine.files import atomic, remove_leftovers, temporary_path
from study.machine.processes import map_processes
from study.machine.progress import Progress, unwatched
from study.phantoms.roster import PhantomSubject, phantom_files, phantom_roster
from study.phantoms.simulate import simulate


def write_cohort(settings: Phantom, folder: Path, progress: Progress = unwatched) -> None:
    """Simulate and write the subjects that `folder` lacks; `participants.tsv` comes last and marks it complete."""
    table = folder / "participants.tsv"
    if table.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder, ".*.tmp")
    missing = [subject for subject in phantom_roster(settings) if not _complete(folder, subject)]
    write = partial(write_subject, settings=settings, folder=folder)
    map_processes(write, missing, "simulating subjects", progress)
    with atomic(table) as temporary:
        temporary.write_text(participants(settings), encoding="utf-8")


def write_subject(subject: PhantomSubject, settings: Phantom, folder: Path) -> None:
    """Simulate one subject and move its two folders into place once they are complete."""
    simulation = simulate(subject, settings)
    aside = temporary_path(folder / subject.id)
    try:
        files = phantom_files(subject, aside)
        for modality, path in files.images.items():
            image, affine = simulation.images[modality]
            write_image(path, image, affine)
        for name, path in files.masks.items():
            mask, affine = simulation.masks[name]
            write_image(path, mask.astype(np.uint8), affine)
        truth = json.dumps(_plain(simulation.truth), indent=1, sort_keys=True)
        (aside / subject.id / f"{subject.id}_truth.json").write_text(truth + "\n", encoding="utf-8")
        (folder / "derivatives").mkdir(exist_ok=True)
        for name in (f"derivatives/{subject.id}", subject.id):
            _move(aside / name, folder / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_image(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    """Write [X, Y, Z] in the affine's axes as a gzipped NIfTI-1 whose bytes depend on voxels and affine only."""
    image = nibabel.Nifti1Image(data, affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as stream:
        stream.write(image.to_bytes())


def _complete(folder: Path, subject: PhantomSubject) -> bool:
    return (folder / subject.id).is_dir() and (folder / "derivatives" / subject.id).is_dir()


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process has written the same bytes first
            raise


def participants(settings: Phantom) -> str:
    """The text of participants.tsv, as `study.cohort.bids` reads it."""
    rows = [("participant_id", "center", "patient_id", "occlusion", "control")]
    for subject in phantom_roster(settings):
        control = "yes" if subject.control else "no"
        rows.append((subject.id, subject.center, subject.patient, subject.occlusion or "n/a", control))
    return "".join("\t".join(row) + "\n" for row in rows)


def _plain(value: Any) -> Any:
    """The value in JSON's own types, floats to 6 significant digits."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, str, int)) or value is None:
        return value
    number = float(value)
    return float(f"{number:.6g}") if math.isfinite(number) else None
