"""Prepared subjects on disk: content-addressed, memory-mapped, built once for all trials and studies.

::

    <cache root>/
      hashes.json        file identity (path, size, time) to the hash of its bytes
      3f/3fa9…/          one subject (see `study.imaging.stored`); its address is the hash of all that it depends on:
                         the bytes of its files, settings, code version
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from study.cohort.records import Cohort, Subject
from study.errors import CohortError, Problem
from study.imaging.entries import EntryRecipe, LesionTrait
from study.imaging.hashes import hash_of, identity, read_memo
from study.imaging.lesion import LesionCenter, LesionModel
from study.imaging.prepare import Landmarks, certain_mistakes, prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.protocol import ImagingProtocol
from study.imaging.register import require_registration
from study.imaging.stored import open_prepared, write_prepared
from study.machine.files import remove_leftovers, write_json
from study.machine.processes import map_processes
from study.machine.progress import Progress, counted, unwatched

MEMO = "hashes.json"


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
    recipe = EntryRecipe(cache, protocol, tuple(spacing_mm), landmarks, _trait(protocol, lesion_model))
    entries = {key: recipe.known_entry(cohort[key], memo) for key in keys}
    missing = [key for key, folder in entries.items() if folder is None]
    jobs = _jobs([cohort[key] for key in missing], lesion_model, progress)
    done = map_processes(partial(_build, recipe), jobs, "preparing subjects", progress)
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
    opened = {key: open_prepared(folder, cohort[key].facts) for key, folder in prepared.items()}
    found = {key: certain_mistakes(one, cohort[key], protocol) for key, one in opened.items()}
    return {key: problems for key, problems in found.items() if problems}


def is_own_cache(folder: Path) -> bool:
    """Whether a folder is a cache, and this account's."""
    try:
        return (folder / MEMO).is_file() and folder.stat().st_uid == os.getuid()
    except OSError:
        return False


def _trait(protocol: ImagingProtocol, model: LesionModel | None) -> LesionTrait | None:
    if (protocol.lesion_source == "model") != (model is not None):
        raise ValueError("a lesion model must be given with lesion.source=model, and only then")
    return None if model is None else LesionTrait(model.identity, model.modalities)


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


def _build(recipe: EntryRecipe, job: _Job) -> _Built:
    """Prepare one subject; runs in a process of its own, so that problems come back as values."""
    identities, hashes = {}, {}
    files = recipe.files(job.subject)
    for role, path in files.items():
        if recipe.is_readable(path):  # prepare_subject names the others
            identities[identity(path)] = hashes[role] = hash_of(path)
    folder = recipe.entry(hashes)
    if job.problems or hashes.keys() < files.keys() or not folder.is_dir():
        try:
            prepared = prepare_subject(
                job.subject, recipe.protocol, recipe.spacing_mm, recipe.landmarks, job.lesion
            )
        except CohortError as error:
            return _Built(None, tuple(dict.fromkeys((*error.problems, *job.problems))), identities)
        if job.problems:
            return _Built(None, job.problems, identities)
        write_prepared(prepared, folder)
    return _Built(folder, (), identities)
