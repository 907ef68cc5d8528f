"""From simulated subjects to files: BIDS-like folders that appear whole or not at all, same bytes each time."""

from __future__ import annotations

import gzip
import json
import math
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from study.cohort.phantom.roster import Entry, entries, phantom_folder, subject_of
from study.cohort.phantom.simulate import simulate
from study.config import Config
from study.config import Phantom as Settings
from study.parallel import map_processes


def write_cohort(config: Config) -> None:
    """Simulate and write what is missing under the cohort's folder; `participants.tsv` comes last."""
    folder, settings = phantom_folder(config), config.cohort.phantom
    table = folder / "participants.tsv"
    if table.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    missing = [entry for entry in entries(settings) if not _complete(folder, entry)]
    map_processes(partial(write_subject, settings=settings, folder=folder), missing)
    _write_atomically(table, participants(settings).encode())


def write_subject(entry: Entry, settings: Settings, folder: Path) -> None:
    """Simulate one subject and move its two folders in place once they are complete."""
    phantom = simulate(entry, settings)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as scratch:
        aside = Path(scratch)
        record = subject_of(entry, aside)
        for modality, path in record.images.items():
            image, affine = phantom.images[modality]
            write_image(path, image, affine)
        for name, path in record.masks.items():
            mask, affine = phantom.masks[name]
            write_image(path, mask.astype(np.uint8), affine)
        truth = json.dumps(_plain(phantom.truth), indent=1, sort_keys=True)
        (aside / entry.id / f"{entry.id}_truth.json").write_text(truth + "\n", encoding="utf-8")
        (folder / "derivatives").mkdir(exist_ok=True)
        for name in (f"derivatives/{entry.id}", entry.id):
            _move(aside / name, folder / name)


def write_image(path: Path, data: np.ndarray, affine: np.ndarray) -> None:
    """A gzipped NIfTI-1 whose bytes depend on voxels and affine only; [X, Y, Z] in the affine's axes."""
    image = nibabel.Nifti1Image(data, affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm", "sec")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as stream:
        stream.write(image.to_bytes())


def _complete(folder: Path, entry: Entry) -> bool:
    return (folder / entry.id).is_dir() and (folder / "derivatives" / entry.id).is_dir()


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process was first, with the same bytes
            raise


def _write_atomically(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as aside:
        aside.write(content)
    Path(aside.name).chmod(0o644)
    Path(aside.name).replace(path)


def participants(settings: Settings) -> str:
    """The text of participants.tsv, as `study.cohort.bids` reads it."""
    rows = [("participant_id", "center", "patient_id", "occlusion", "control")]
    for entry in entries(settings):
        control = "yes" if entry.control else "no"
        rows.append((entry.id, entry.center, entry.patient, entry.occlusion or "n/a", control))
    return "".join("\t".join(row) + "\n" for row in rows)


def _plain(value: Any) -> Any:
    """JSON's own types, floats to 6 significant digits."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, str, int)) or value is None:
        return value
    number = float(value)
    return float(f"{number:.6g}") if math.isfinite(number) else None
