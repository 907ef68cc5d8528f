"""Prepared subjects on disk: content-addressed, memory-mapped, built once for all trials and studies.

::

    <cache root>/
      hashes.json                  file identity (path, size, time) to the hash of its bytes
      3f/3fa9…/                    one subject: name = source bytes + settings + code version
        image.npy  own.npy  target.npy  native_target.npy  foreground.npy  grid.json
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import Cohort, Subject
from study.config import Config
from study.errors import CohortError, Problem
from study.imaging.lesion import LesionCenter, LesionModel
from study.imaging.prepare import Landmarks, prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.register import require_registration
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices
from study.parallel import map_processes
from study.results import read_json, write_json

CODE_VERSION = 1  # raise it whenever the same files and settings would give other arrays
ARRAYS = ("image", "target", "foreground", "native_target")
OWN = "own.npy"


@dataclass(frozen=True)
class PreparedCohort:
    """Where each subject lies prepared; opens them without reading them.

    Attributes:
        entries: subject key to folder.
        skipped: keys left out because of problems, with cohort.on_error=skip.
        problems: what was wrong with them.
    """

    entries: Mapping[str, Path]
    skipped: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), repr=False)

    def __getitem__(self, key: str) -> Prepared:
        """The subject with this key, memory-mapped."""
        return open_prepared(self.entries[key], key)

    def __iter__(self) -> Iterator[str]:
        """The keys."""
        return iter(self.entries)

    def __len__(self) -> int:
        """The number of subjects."""
        return len(self.entries)


@dataclass(frozen=True)
class _Built:
    folder: Path | None
    problems: tuple[Problem, ...]
    hashes: dict[str, str]


def prepare_cohort(
    cohort: Cohort,
    keys: Sequence[str],
    config: Config,
    spacing_mm: Sequence[float],
    landmarks: Landmarks | None = None,
    lesion_model: LesionModel | None = None,
) -> PreparedCohort:
    """Prepare the subjects that are not in the cache yet, in parallel.

    With lesion.source=model, `lesion_model` finds their lesions first, one after the other in this process, which may
    hold a GPU.

    Raises CohortError with the problems of all subjects (cohort.on_error=skip leaves these subjects out),
    ConfigError if they are to be registered and ANTs is not installed, OSError if the cache cannot be written.
    """
    if config.imaging.registration == "rigid":
        require_registration()
    root = config.cache_root
    root.mkdir(parents=True, exist_ok=True)
    memo_file = root / "hashes.json"
    memo: dict[str, str] = read_json(memo_file) if memo_file.is_file() else {}
    settings = _settings(config, spacing_mm, landmarks, lesion_model)
    entries = {key: _known_entry(root, cohort[key], settings, memo) for key in keys}
    missing = [key for key, folder in entries.items() if folder is None]
    build = partial(
        _build, config=config, spacing_mm=tuple(spacing_mm), landmarks=landmarks, settings=settings
    )
    jobs = [_found(cohort[key], lesion_model) for key in missing]
    built = dict(zip(missing, map_processes(build, jobs), strict=True))
    if missing:
        found = {name: value for one in built.values() for name, value in one.hashes.items()}
        write_json(memo_file, memo | found)
    problems = tuple(problem for one in built.values() for problem in one.problems)
    folders = {key: entries[key] or built[key].folder for key in keys}
    usable = {key: folder for key, folder in folders.items() if folder is not None}
    if problems and (config.cohort.on_error == "stop" or not usable):
        raise CohortError(problems)
    return PreparedCohort(usable, tuple(key for key in keys if key not in usable), problems)


def open_prepared(folder: Path, key: str) -> Prepared:
    """A prepared subject from its folder; arrays are memory-mapped and read-only."""
    content = read_json(folder / "grid.json")
    arrays: dict[str, Any] = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r") if (folder / f"{name}.npy").is_file() else None
        for name in ARRAYS
    }
    return Prepared(
        key=key,
        present=tuple(content["present"]),
        grid=Grid.from_dict(content["grid"]),
        native=Grid.from_dict(content["native"]),
        own=_open_own(folder, content["own"]) if content["own"] else None,
        outside_ml=content["outside_ml"],
        lesion=tuple(content["lesion"]) if content["lesion"] else None,
        **arrays,
    )


def _open_own(folder: Path, content: dict[str, Any]) -> OwnSlices:
    image = np.load(folder / OWN, mmap_mode="r")
    return OwnSlices(image, tuple(content["channels"]), Grid.from_dict(content["grid"]))


def _settings(
    config: Config,
    spacing_mm: Sequence[float],
    landmarks: Landmarks | None,
    lesion_model: LesionModel | None,
) -> dict[str, Any]:
    """Everything besides the files that an entry depends on."""
    if (config.lesion_source == "model") != (lesion_model is not None):
        raise ValueError("a lesion model must be given with lesion.source=model, and only then")
    return {
        "version": CODE_VERSION,
        "modalities": config.cohort.modalities,
        "masks": config.used_masks,
        "target": config.cohort.target,
        "lesion": config.lesion_source,
        "lesion_model": lesion_model and [lesion_model.identity, *lesion_model.modalities],
        "registration": config.imaging.registration,
        "reference": config.imaging.reference,
        "normalisation": config.imaging.normalisation,
        "crop_margin_mm": config.imaging.crop_margin_mm,
        "in_plane_crop": config.imaging.in_plane_crop,
        "own_slices": config.imaging.own_slices,
        "spacing_mm": [float(value) for value in spacing_mm],
        "landmarks": {name: [float(value) for value in values] for name, values in (landmarks or {}).items()},
    }


def _files(subject: Subject, settings: Mapping[str, Any]) -> dict[str, Path]:
    """The files that a prepared subject depends on."""
    _, *also = settings["lesion_model"] or [None]
    names = dict.fromkeys([*settings["modalities"], *also])
    images = {f"image {name}": subject.images[name] for name in names if name in subject.images}
    masks = settings["masks"]
    return images | {f"mask {name}": subject.masks[name] for name in masks if name in subject.masks}


def _identity(path: Path) -> str:
    """A name for a file as it is now, without its path in clear."""
    state = path.stat()
    return hashlib.sha256(f"{path.absolute()}\0{state.st_size}\0{state.st_mtime_ns}".encode()).hexdigest()


def _entry(root: Path, hashes: Mapping[str, str], settings: Mapping[str, Any]) -> Path:
    content = json.dumps({"files": hashes, "settings": settings}, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:40]
    return root / digest[:2] / digest


def _known_entry(
    root: Path, subject: Subject, settings: Mapping[str, Any], memo: Mapping[str, str]
) -> Path | None:
    """The folder of a subject that is prepared and whose files are known; None if it must be built."""
    try:
        files = _files(subject, settings)
        folder = _entry(root, {role: memo[_identity(path)] for role, path in files.items()}, settings)
    except (KeyError, OSError):
        return None
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class _Job:
    """A subject to prepare, and what a lesion model has found in it."""

    subject: Subject
    lesion: LesionCenter | None = None
    problems: tuple[Problem, ...] = ()


def _found(subject: Subject, lesion_model: LesionModel | None) -> _Job:
    try:
        return _Job(subject, lesion_model.find(subject) if lesion_model else None)
    except CohortError as error:
        return _Job(subject, problems=error.problems)


def _build(
    job: _Job,
    config: Config,
    spacing_mm: Sequence[float],
    landmarks: Landmarks | None,
    settings: Mapping[str, Any],
) -> _Built:
    """Runs in a process of its own: problems come back as values."""
    identities, hashes = {}, {}
    files = _files(job.subject, settings)
    for role, path in files.items():
        if path.is_file() and os.access(path, os.R_OK):  # the others are named by prepare_subject
            identities[_identity(path)] = hashes[role] = _hash(path)
    folder = _entry(config.cache_root, hashes, settings)
    if job.problems or hashes.keys() < files.keys() or not folder.is_dir():
        try:
            prepared = prepare_subject(job.subject, config, spacing_mm, landmarks, job.lesion)
        except CohortError as error:
            return _Built(None, tuple(dict.fromkeys((*error.problems, *job.problems))), identities)
        if job.problems:
            return _Built(None, job.problems, identities)
        _write(prepared, folder)
    return _Built(folder, (), identities)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(prepared: Prepared, folder: Path) -> None:
    """Write an entry beside its place and move it there; nothing half-written stays behind."""
    temporary = folder.with_name(f".{folder.name}.{uuid4().hex}.tmp")
    temporary.mkdir(parents=True)
    try:
        for name in ARRAYS:
            array = getattr(prepared, name)
            if array is not None:
                _save(temporary / f"{name}.npy", np.ascontiguousarray(array))
        own = prepared.own
        if own is not None:
            _save(temporary / OWN, own.image)
        content = {
            "present": prepared.present,
            "grid": prepared.grid.to_dict(),
            "native": prepared.native.to_dict(),
            "own": own and {"channels": own.channels, "grid": own.grid.to_dict()},
            "outside_ml": prepared.outside_ml,
            "lesion": prepared.lesion,
        }
        write_json(temporary / "grid.json", content)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was first, with the same content
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _save(path: Path, array: NDArray[Any]) -> None:
    """Like np.save, but a full disk is told with its reason and the file's name."""
    try:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
            file.write(array.reshape(-1).view(np.uint8).data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
