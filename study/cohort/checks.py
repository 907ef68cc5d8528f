"""Problems of the subjects that readers list, as far as they show without reading voxels."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from study.cohort.contents import identical
from study.cohort.records import Entry
from study.cohort.text import is_plain
from study.config import CohortConfig
from study.errors import Problem

MOST_LISTED = 5  # of the other names of one image
_SKIP = "or leave the subject out with cohort.on_error=skip"


def find_problems(entries: Sequence[Entry], settings: CohortConfig) -> list[list[Problem]]:
    """The problems of each entry, including those that its reader has found.

    Args:
        entries: of all sources.
        settings: which modalities and which target are used; other files are not checked.
    """
    problems = [list(entry.problems) for entry in entries]
    owners: dict[Path, list[tuple[int, str, Path]]] = defaultdict(list)
    for index, entry in enumerate(entries):
        if strange := _strange_text(entry):
            problems[index].append(strange)
            continue
        images = {name: entry.images[name] for name in settings.modalities if name in entry.images}
        masks = {name: entry.masks[name] for name in (settings.target, "brain") if name in entry.masks}
        if not images and not entry.problems:
            problems[index].append(_no_modality(entry, settings.modalities))
        for name, path in () if entry.pending else (*images.items(), *masks.items()):
            if problem := file_problem(entry.id, name, path):
                problems[index].append(problem)
            elif name in images:
                owners[path.resolve()].append((index, name, path))
    _add_duplicate_subjects(entries, problems)
    for uses in owners.values():
        _add_shared(entries, uses, problems, "file is also given as")
    for copies in identical(owners):
        _add_shared(
            entries, [use for path in copies for use in owners[path]], problems, "has the same content as"
        )
    return problems


def file_problem(subject: str, name: str, path: Path) -> Problem | None:
    """Why a file cannot be read; None if it can."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        what = "file is a link to a file that does not exist" if path.is_symlink() else "file is missing"
        return Problem(subject, path, f"the {name} {what}", f"restore it or correct the path, {_SKIP}")
    except OSError as error:
        what = f"the {name} file cannot be reached ({error.strerror})"
        return Problem(subject, path, what, f"correct the path or its permissions, {_SKIP}")
    if not stat.S_ISREG(status.st_mode):
        return Problem(subject, path, f"the {name} is a folder, not a file", f"give the file's path, {_SKIP}")
    if status.st_size == 0:
        return Problem(subject, path, f"the {name} file is empty", f"copy it again, {_SKIP}")
    if not os.access(path, os.R_OK):
        what = f"no permission to read the {name} file"
        return Problem(subject, path, what, f"allow it (chmod u+r), {_SKIP}")
    return None


def _strange_text(entry: Entry) -> Problem | None:
    """A problem of names or paths that no file can hold: from damaged file systems, or made up to confuse programs."""
    texts = (
        entry.id,
        entry.patient,
        entry.center,
        *map(str, (*entry.images.values(), *entry.masks.values())),
    )
    if all(map(is_plain, texts)):
        return None
    shown = entry.id.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    what = "its name, its center or the path of a file holds characters that are not text"
    return Problem(shown, None, what, f"rename it, {_SKIP}")


def _no_modality(entry: Entry, modalities: Sequence[str]) -> Problem:
    there = f"it has {', '.join(sorted(entry.images))}" if entry.images else "it has no image at all"
    what = f"has none of cohort.modalities ({', '.join(modalities)}); {there}"
    return Problem(entry.id, None, what, f"add a file, {_SKIP}")


def _add_duplicate_subjects(entries: Sequence[Entry], problems: list[list[Problem]]) -> None:
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, entry in enumerate(entries):
        places[entry.center, entry.id].append(index)
    for (center, identity), indices in places.items():
        for index in indices if len(indices) > 1 else ():
            what = f"subject is listed {len(indices)} times at center {center}"
            remedy = "keep one, or give each examination its own subject id and the same patient"
            file = next(iter(entries[index].images.values()), None)
            problems[index].append(Problem(identity, file, what, remedy))


def _add_shared(
    entries: Sequence[Entry], uses: Sequence[tuple[int, str, Path]], problems: list[list[Problem]], how: str
) -> None:
    """Report an image that has two names: a mistake in the list that can leak a patient into the test."""
    users = {(entries[index].center, entries[index].id, name) for index, name, _ in uses}
    for index, name, path in uses if len(users) > 1 else ():
        entry = entries[index]
        others = sorted(users - {(entry.center, entry.id, name)})
        listed = ", ".join(
            f"{label} of {identity}" + (f" at {center}" if center != entry.center else "")
            for center, identity, label in others[:MOST_LISTED]
        )
        more = f" and {len(others) - MOST_LISTED} more" if len(others) > MOST_LISTED else ""
        what = f"the {name} {how} {listed}{more}"
        problems[index].append(Problem(entry.id, path, what, f"correct one of them, {_SKIP}"))
