"""Prepared subjects on disk: content-addressed, memory-mapped, built once for all trials and studies.

::

    <cache root>/
      hashes.json        file identity (path, size, time) to the hash of its bytes
      3f/3fa9…/          one subject (see `study.imaging.stored`); its address is the hash of all that it depends on:
                         the bytes of its files, settings, code version
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from study.cohort.records import Cohort, Subject
from study.errors import CohortError, Problem
from study.imaging.hashes import hash_of, identity, read_memo
from study.imaging.lesion import LesionCenter, LesionModel
from study.imaging.plausible import OVERRIDE, certain_problems
from study.imaging.prepare import Landmarks, prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.protocol import ImagingProtocol
from study.imaging.read import check_header
from study.imaging.register import require_registration
from study.imaging.stored import open_prepared, write_prepared
from study.machine.files import remove_leftovers, write_json
from study.machine.processes import map_processes
from study.machine.progress import Progress, counted, unwatched

MEMO = "hashes.json"
CODE_VERSION = 3  # raise it whenever the same files and settings would give another entry


@dataclass(frozen=True)
class PreparedCohort:
    """The folder of each prepared subject; opens subjects without reading them.

    Attributes:
        cohort: whose subjects they are.
        entries: subject key to folder; the folder's name is the entry's address.
        skipped: keys left out because of problems, with cohort.on_error=skip.
        problems: what was wrong with them.
    """

    cohort: Cohort = field(repr=False)
    entries: Mapping[str, Path]
    skipped: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = field(default=(), repr=False)

    def __getitem__(self, key: str) -> Prepared:
        """The subject with this key, memory-mapped."""
        return open_prepared(self.entries[key], self.cohort[key].facts)

    def __iter__(self) -> Iterator[str]:
        """The keys."""
        return iter(self.entries)

    def __len__(self) -> int:
        """The number of subjects."""
        return len(self.entries)


def prepare_cohort(
    cohort: Cohort,
    keys: Sequence[str],
    protocol: ImagingProtocol,
    cache: Path,
    spacing_mm: Sequence[float],
    landmarks: Landmarks | None = None,
    lesion_model: LesionModel | None = None,
    *,
    skip_faulty: bool = False,
    progress: Progress = unwatched,
) -> PreparedCohort:
    """Prepare the subjects that are not in the cache yet, in parallel.

    Args:
        cohort: all subjects.
        keys: of those to prepare.
        protocol: what is read, and how it is prepared.
        cache: folder that studies share.
        spacing_mm: slices, rows, columns.
        landmarks: of imaging.normalisation=nyul.
        lesion_model: with lesion.source=model, finds the lesions first, one after the other in this process, which
            may hold a GPU.
        skip_faulty: leave subjects with problems out, as long as others remain.
        progress: told of each subject that is prepared.

    Raises:
        CohortError: the problems of all subjects.
        ConfigError: subjects are to be registered and ANTs is not installed.
        OSError: the cache cannot be written.
    """
    if protocol.settings.registration == "rigid":
        require_registration()
    cache.mkdir(parents=True, exist_ok=True)
    remove_leftovers(cache, ".*.tmp", "*/.*.tmp")
    memo_file = cache / MEMO
    memo = read_memo(memo_file)
    builder = _Builder(cache, protocol, tuple(spacing_mm), landmarks, _trait(protocol, lesion_model))
    entries = {key: builder.known_entry(cohort[key], memo) for key in keys}
    missing = [key for key, folder in entries.items() if folder is None]
    jobs = _jobs([cohort[key] for key in missing], lesion_model, progress)
    done = map_processes(partial(_build, builder), jobs, "preparing subjects", progress)
    built = dict(zip(missing, done, strict=True))
    if missing:
        hashes = {name: value for one in built.values() for name, value in one.hashes.items()}
        write_json(memo_file, memo | hashes)
    folders = {key: entries[key] or built[key].folder for key in keys}
    prepared = {key: folder for key, folder in folders.items() if folder is not None}
    mistakes = _mistakes(cohort, prepared, protocol)
    usable = {key: folder for key, folder in prepared.items() if key not in mistakes}
    found_in = [*(one.problems for one in built.values()), *mistakes.values()]
    problems = cohort.shown(problem for found in found_in for problem in found)
    if problems and (not skip_faulty or not usable):
        raise CohortError(problems)
    return PreparedCohort(cohort, usable, tuple(key for key in keys if key not in usable), problems)


def _mistakes(
    cohort: Cohort, prepared: Mapping[str, Path], protocol: ImagingProtocol
) -> dict[str, tuple[Problem, ...]]:
    """By key, what is certainly wrong with the images of prepared subjects, unless imaging.implausible=warn."""
    if protocol.settings.implausible == "warn":
        return {}
    mistakes = {}
    for key, folder in prepared.items():
        subject = cohort[key]
        intensities = open_prepared(folder, subject.facts).intensities
        if intensities and (found := certain_problems(intensities, subject.label, subject.images, OVERRIDE)):
            mistakes[key] = found
    return mistakes


def is_own_cache(folder: Path) -> bool:
    """Whether a folder is a cache, and this account's."""
    try:
        return (folder / MEMO).is_file() and folder.stat().st_uid == os.getuid()
    except OSError:
        return False


def entry_folder(cache: Path, address: str) -> Path:
    """The folder of the entry with this address."""
    return cache / address[:2] / address


@dataclass(frozen=True)
class _LesionTrait:
    """What an entry depends on of the model that finds lesions."""

    identity: str
    modalities: tuple[str, ...]


def _trait(protocol: ImagingProtocol, model: LesionModel | None) -> _LesionTrait | None:
    if (protocol.lesion_source == "model") != (model is not None):
        raise ValueError("a lesion model must be given with lesion.source=model, and only then")
    return None if model is None else _LesionTrait(model.identity, model.modalities)


@dataclass(frozen=True)
class _Builder:
    """Everything besides the files that entries depend on, and the cache that holds them."""

    cache: Path
    protocol: ImagingProtocol
    spacing_mm: tuple[float, ...]
    landmarks: Landmarks | None
    lesion_model: _LesionTrait | None

    def files(self, subject: Subject) -> dict[str, Path]:
        """The files that a prepared subject depends on, by role."""
        also = self.lesion_model.modalities if self.lesion_model else ()
        names = dict.fromkeys([*self.protocol.modalities, *also])
        images = {f"image {name}": subject.images[name] for name in names if name in subject.images}
        masks = {name: subject.masks[name] for name in self.protocol.masks if name in subject.masks}
        values = {self.protocol.target: f" of {sorted(subject.labels.names)}"} if subject.labels else {}
        return images | {f"mask {name}{values.get(name, '')}": path for name, path in masks.items()}

    def is_readable(self, path: Path) -> bool:
        """Whether a file is a scan of a size that may be read, also for its hash."""
        try:
            check_header(path, "", self.protocol.settings.most_voxels)
        except CohortError:
            return False
        return True

    def entry(self, hashes: Mapping[str, str]) -> Path:
        """The folder of the entry for files with these hashes, by role."""
        content = json.dumps({"files": hashes, "settings": self._settings()}, sort_keys=True)
        return entry_folder(self.cache, hashlib.sha256(content.encode()).hexdigest()[:40])

    def known_entry(self, subject: Subject, memo: Mapping[str, str]) -> Path | None:
        """The folder of a subject that is prepared and whose files are known; None if it must be built."""
        try:
            folder = self.entry({role: memo[identity(path)] for role, path in self.files(subject).items()})
        except (KeyError, OSError):
            return None
        return folder if folder.is_dir() else None

    def _settings(self) -> dict[str, Any]:
        """What is hashed to the address: another name or type of a value gives every entry another address."""
        settings, model = self.protocol.settings, self.lesion_model
        landmarks = (self.landmarks or {}).items()
        return {
            "version": CODE_VERSION,
            "modalities": self.protocol.modalities,
            "masks": self.protocol.masks,
            "target": self.protocol.target,
            "lesion": self.protocol.lesion_source,
            "lesion_model": model and [model.identity, *model.modalities],
            "registration": settings.registration,
            "reference": settings.reference,
            "normalisation": settings.normalisation,
            "interpolation": settings.interpolation,
            "crop_margin_mm": settings.crop_margin_mm,
            "in_plane_crop": settings.in_plane_crop,
            "own_slices": settings.own_slices,
            "spacing_mm": [float(value) for value in self.spacing_mm],
            "landmarks": {name: [float(value) for value in values] for name, values in landmarks},
            **({} if self.protocol.b_s_mm2 is None else {"computed with b": float(self.protocol.b_s_mm2)}),
        }


@dataclass(frozen=True)
class _Job:
    """A subject to prepare, and what a lesion model has found in it."""

    subject: Subject
    lesion: LesionCenter | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Built:
    """What became of a job: a folder or problems, and the hashes of its files by identity."""

    folder: Path | None
    problems: tuple[Problem, ...]
    hashes: dict[str, str]


def _jobs(subjects: Sequence[Subject], lesion_model: LesionModel | None, progress: Progress) -> list[_Job]:
    if lesion_model is None:
        return [_Job(subject) for subject in subjects]
    searched = counted(subjects, len(subjects), "finding lesions", progress)
    return [_found(subject, lesion_model) for subject in searched]


def _found(subject: Subject, lesion_model: LesionModel) -> _Job:
    try:
        return _Job(subject, lesion_model.find(subject))
    except CohortError as error:
        return _Job(subject, problems=error.problems)


def _build(builder: _Builder, job: _Job) -> _Built:
    """Prepare one subject; runs in a process of its own, so that problems come back as values."""
    identities, hashes = {}, {}
    files = builder.files(job.subject)
    for role, path in files.items():
        if builder.is_readable(path):  # prepare_subject names the others
            identities[identity(path)] = hashes[role] = hash_of(path)
    folder = builder.entry(hashes)
    if job.problems or hashes.keys() < files.keys() or not folder.is_dir():
        try:
            prepared = prepare_subject(
                job.subject, builder.protocol, builder.spacing_mm, builder.landmarks, job.lesion
            )
        except CohortError as error:
            return _Built(None, tuple(dict.fromkeys((*error.problems, *job.problems))), identities)
        if job.problems:
            return _Built(None, job.problems, identities)
        write_prepared(prepared, folder)
    return _Built(folder, (), identities)
