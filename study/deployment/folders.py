"""Finds the subjects in a folder of NIfTI files by the endings of file names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from study.cohort.aliases import find_stand_ins
from study.errors import ConfigError, Problem

MASK_ENDINGS = {"brain": ("brain_mask", "brain"), "lesion": ("lesion_mask", "lesion")}


@dataclass
class Case:
    """One subject of a folder: its name, its files, and why it cannot be predicted."""

    name: str
    images: dict[str, Path] = field(default_factory=dict)
    brain: Path | None = None
    lesion: Path | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """The subjects of a folder, and its subfolders in which no modality was recognised."""

    cases: list[Case]
    ignored: list[str]


def find_cases(
    folder: Path,
    modalities: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    others: Sequence[str] = (),
    *,
    lesions: bool = False,
) -> Found:
    """The subjects in a folder: one subfolder each, at any depth, or flat `<subject>_<MODALITY>.nii.gz`.

    Endings are case-insensitive. `_brain` or `_brain_mask` marks a brain mask. A sequence that may stand in for a
    modality (`aliases`) is listed only if the modality itself is absent.

    Args:
        folder: to search.
        modalities: a subject has at least one of them, or a stand-in.
        aliases: modality to the sequences that may stand in for it.
        others: further modalities to list.
        lesions: whether to list lesion masks, `_lesion` or `_lesion_mask`.

    Raises:
        ConfigError: the folder does not exist, or no scan in it is recognised.
    """
    if not folder.is_dir():
        raise ConfigError([f"images: there is no folder {folder}; give the folder that holds the subjects"])
    own = list(dict.fromkeys([*modalities, *(name for names in aliases.values() for name in names)]))
    names = sorted({*own, *others}, key=len, reverse=True)
    kinds: dict[str, Sequence[str]] = {name: (name,) for name in names}
    kinds |= {mask: endings for mask, endings in MASK_ENDINGS.items() if mask == "brain" or lesions}
    cases = [case for case in _flat_cases(folder, kinds) if case.images.keys() & set(own)]
    ignored = []
    for below in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        case = Case(below.name)
        for path in _nifti(below.rglob("*")):
            _add(case, path, _recognise(path, kinds)[1])
        if case.images.keys() & set(own):
            cases.append(case)
        else:
            ignored.append(below.name)
    if not cases:
        example = f"subject1_{modalities[0]}.nii.gz"
        raise ConfigError(
            [
                f"images: no scan is recognised in {folder}; file names must end in {', '.join(own)}, "
                f"as {example} in the folder, or in a subfolder per subject"
            ]
        )
    counts = Counter(case.name for case in cases)
    if double := [name for name, count in counts.items() if count > 1]:
        both = ", ".join(double)
        raise ConfigError([f"images: found both as files and as a folder: {both}; keep one of them"])
    for case in cases:
        used = {*modalities, *find_stand_ins(case.images, aliases).values(), *others}
        case.images = {name: path for name, path in case.images.items() if name in used}
    return Found(cases, ignored)


def _flat_cases(folder: Path, kinds: Mapping[str, Sequence[str]]) -> list[Case]:
    cases: dict[str, Case] = {}
    for path in _nifti(folder.iterdir()):
        subject, kind = _recognise(path, kinds)
        if kind is not None and subject:
            _add(cases.setdefault(subject, Case(subject)), path, kind)
    return [case for _, case in sorted(cases.items())]


def _nifti(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in sorted(paths) if path.is_file() and path.name.endswith((".nii", ".nii.gz")))


def _recognise(path: Path, kinds: Mapping[str, Sequence[str]]) -> tuple[str, str | None]:
    """Split a file name into the part before its ending and the modality or mask that the ending names."""
    stem = re.sub(r"\.nii(\.gz)?$", "", path.name)
    for kind, endings in kinds.items():
        for ending in endings:
            if match := re.fullmatch(rf"(?:(.*)[_\-. ])?{re.escape(ending)}", stem, re.IGNORECASE):
                return match[1] or "", kind
    return stem, None


def _add(case: Case, path: Path, kind: str | None) -> None:
    if kind is None:
        return
    if kind == "brain":
        case.brain = case.brain or path
        return
    first = case.lesion if kind == "lesion" else case.images.get(kind)
    if first is not None:
        what = f"{kind} is present twice, also as {first.name}"
        case.problems.append(Problem(case.name, path, what, "keep one of the files"))
    elif kind == "lesion":
        case.lesion = path
    else:
        case.images[kind] = path
