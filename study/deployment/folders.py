"""Finds the subjects in a folder of NIfTI files by how the files' names end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from study.cohort.aliases import find_stand_ins
from study.errors import ConfigError, Problem

BRAIN_ENDINGS = ("brain_mask", "brain")


@dataclass
class Case:
    """One subject of a folder: its name, its files, and why it cannot be predicted."""

    name: str
    images: dict[str, Path] = field(default_factory=dict)
    brain: Path | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """The subjects of a folder, and its subfolders in which no modality was recognised."""

    cases: list[Case]
    ignored: list[str]


def find_cases(folder: Path, modalities: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> Found:
    """The subjects in a folder: a subfolder each, at any depth, or flat `<subject>_<MODALITY>.nii.gz`.

    Upper and lower case are the same in a file's ending. `_brain` or `_brain_mask` is a brain mask. A sequence that
    may stand in for a modality (`aliases`) is listed only where the modality itself is absent.

    Raises:
        ConfigError: there is no such folder, or nothing in it is recognised.
    """
    if not folder.is_dir():
        raise ConfigError([f"images: there is no folder {folder}; give the folder that holds the subjects"])
    names = [*modalities, *(other for others in aliases.values() for other in others)]
    cases = _flat_cases(folder, names)
    ignored = []
    for below in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        case = Case(below.name)
        for path in _nifti(below.rglob("*")):
            _add(case, path, _recognise(path, names)[1])
        if case.images:
            cases.append(case)
        else:
            ignored.append(below.name)
    if not cases:
        example = f"subject1_{modalities[0]}.nii.gz"
        raise ConfigError(
            [
                f"images: no scan is recognised in {folder}; names must end in {', '.join(names)}, "
                f"as {example} in the folder, or in a subfolder per subject"
            ]
        )
    counts = Counter(case.name for case in cases)
    if double := [name for name, count in counts.items() if count > 1]:
        both = ", ".join(double)
        raise ConfigError([f"images: there both as files and as a folder: {both}; keep one of them"])
    for case in cases:
        used = {*modalities, *find_stand_ins(case.images, aliases).values()}
        case.images = {name: path for name, path in case.images.items() if name in used}
    return Found(cases, ignored)


def _flat_cases(folder: Path, names: Sequence[str]) -> list[Case]:
    cases: dict[str, Case] = {}
    for path in _nifti(folder.iterdir()):
        subject, kind = _recognise(path, names)
        if kind is not None and subject:
            _add(cases.setdefault(subject, Case(subject)), path, kind)
    return [case for _, case in sorted(cases.items()) if case.images]


def _nifti(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in sorted(paths) if path.is_file() and path.name.endswith((".nii", ".nii.gz")))


def _recognise(path: Path, names: Sequence[str]) -> tuple[str, str | None]:
    """What precedes the ending of a file's name, and which sequence (or brain mask) the ending names."""
    stem = re.sub(r"\.nii(\.gz)?$", "", path.name)
    for ending in (*sorted(names, key=len, reverse=True), *BRAIN_ENDINGS):
        if match := re.fullmatch(rf"(?:(.*)[_\-. ])?{re.escape(ending)}", stem, re.IGNORECASE):
            return match[1] or "", "brain" if ending in BRAIN_ENDINGS else ending
    return stem, None


def _add(case: Case, path: Path, kind: str | None) -> None:
    if kind == "brain":
        case.brain = case.brain or path
    elif kind in case.images:
        what = f"{kind} is there twice, also as {case.images[kind].name}"
        case.problems.append(Problem(case.name, path, what, "keep one file per modality"))
    elif kind is not None:
        case.images[kind] = path
