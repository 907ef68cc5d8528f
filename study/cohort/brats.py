"""What the releases of BraTS have in common: a folder for each case, and files that are called after it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.cohort.filenames import folders_named, nifti_files, stem
from study.cohort.records import Labels
from study.cohort.sequences import sequence_named
from study.config import CohortConfig
from study.config.words import number_of
from study.errors import CohortError, Problem, Remark

VERSIONS = (
    "BraTS has the labels 1, 2, 4 until 2021 and 1, 2, 3 in 2023 (4 is the resection cavity in 2024): read the file as "
    "one of its year, or correct it"
)
_DEEPEST = 2  # folders between the root and those of cases: the archive's own, and HGG or LGG
_SHOWN = 3  # cases that a message names


@dataclass(frozen=True)
class Release:
    """A release of BraTS.

    Attributes:
        source: its reader's name.
        title: for people.
        example: of the name of a case.
        case: the name of a case.
        joint: between the name of a case and that of a sequence.
        images: the endings of the names of all images; the label map ends in `seg`.
        labels: of the label map.
    """

    source: str
    title: str
    example: str
    case: re.Pattern[str]
    joint: str
    images: tuple[str, ...]
    labels: Labels


BRATS2018 = Release(
    "brats2018",
    "BraTS 2018",
    "Brats18_CBICA_AAB_1",
    re.compile(r"Brats18_(?P<center>[A-Za-z0-9]+)_(?P<patient>[A-Za-z0-9]+)_(?P<visit>\d+)"),
    "_",
    ("flair", "t1", "t1ce", "t2"),
    Labels({1: "necrotic and non-enhancing core", 2: "oedema", 4: "enhancing tumour"}, VERSIONS),
)
BRATS2023 = Release(
    "brats2023",
    "BraTS 2023",
    "BraTS-GLI-00000-000",
    re.compile(r"BraTS-(?P<center>[A-Z]{2,5})-(?P<patient>\d+)-(?P<visit>\d+)"),
    "-",
    ("t1n", "t1c", "t2w", "t2f"),
    Labels({1: "necrotic core", 2: "oedema", 3: "enhancing tumour"}, VERSIONS),
)
RELEASES = (BRATS2018, BRATS2023)


@dataclass(frozen=True)
class Case:
    """One case: what its name tells, its files, and what is wrong with them."""

    name: str
    told: Mapping[str, str]
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Cases:
    """All cases of a release, and what may not be meant."""

    found: tuple[Case, ...]
    remarks: tuple[Remark, ...]


def find_cases(release: Release, root: Path, cohort: CohortConfig) -> Cases:
    """Every case of a release below a folder; raises CohortError if there is none."""
    folders = list(_case_folders(root, _DEEPEST))
    own = [folder for folder in folders if release.case.fullmatch(folder.name)]
    if not own:
        raise CohortError([_nothing(release, root, folders)])
    cases = [_read_case(release, folder, cohort) for folder in own]
    cases += [_stranger(release, folder) for folder in folders if folder not in own]
    return Cases(tuple(cases), tuple(_incomplete(release, own)))


def _case_folders(folder: Path, deepest: int) -> Iterator[Path]:
    """Folders that are called after BraTS and hold NIfTI files, also in folders of this one."""
    for inner in folders_named(folder, ""):
        if inner.name.casefold().startswith("brats") and nifti_files(inner):
            yield inner
        elif deepest and not inner.name.startswith("."):
            yield from _case_folders(inner, deepest - 1)


def _nothing(release: Release, root: Path, folders: Sequence[Path]) -> Problem:
    """Why there is no case: another release, a wrong folder, or files without folders."""
    place = f"cohort.{release.source}.root"
    for other in RELEASES:
        if named := [folder.name for folder in folders if other.case.fullmatch(folder.name)]:
            what = f"holds cases of {other.title} ({named[0]}), and none of {release.title}"
            return Problem(place, root.absolute(), what, f"read it with cohort={other.source}")
    if folders:
        what = f"holds cases of another year ({folders[0].name}), and none of {release.title}"
        return Problem(place, root.absolute(), what, "list its files in a manifest (cohort=manifest)")
    if loose := [path for path in nifti_files(root) if path.name.casefold().startswith("brats")]:
        what = f"holds files ({loose[0].name}), but no folder for each case"
        remedy = "give the folder above, if this is one case, or unpack the archive with its folders"
        return Problem(place, root.absolute(), what, remedy)
    what = f"no case of {release.title} ({release.example} or the like) in it, nor two folders below"
    return Problem(place, root.absolute(), what, "give the folder that the archive was unpacked to")


def _read_case(release: Release, folder: Path, cohort: CohortConfig) -> Case:
    match = release.case.fullmatch(folder.name)
    found: dict[str, list[Path]] = defaultdict(list)
    problems = []
    for path in nifti_files(folder):
        name, _, ending = stem(path).rpartition(release.joint)
        if name != folder.name:
            what = "is a file of another case, or of another release"
            problems.append(Problem(folder.name, path, what, f"its name should begin with {folder.name}"))
        else:
            found[ending.casefold()].append(path)
    for ending, paths in found.items():
        if len(paths) > 1 and ending in (*release.images, "seg"):
            names = ", ".join(path.name for path in paths)
            what = f"{len(paths)} files for {ending}"
            problems.append(Problem(folder.name, paths[1], what, "leave one of them there", names))
    images = {
        sequence_named(ending, cohort.sequences): found[ending][0]
        for ending in release.images
        if ending in found
    }
    masks = {"lesion": found["seg"][0]} if "seg" in found else {}
    return Case(folder.name, match.groupdict() if match else {}, images, masks, tuple(problems))


def _stranger(release: Release, folder: Path) -> Case:
    """A case of another release among those of this one."""
    what = f"the folder of a case that is not one of {release.title}"
    remedy = "move it away: releases have other labels, and may have the same patients"
    return Case(folder.name, {}, {}, {}, (Problem(folder.name, folder, what, remedy),))


def _incomplete(release: Release, folders: Sequence[Path]) -> Iterator[Remark]:
    """Images that every case should have: an archive may not have been unpacked to its end."""
    for ending in release.images:
        lacking = [
            folder.name
            for folder in folders
            if not any(stem(path).casefold().endswith(release.joint + ending) for path in nifti_files(folder))
        ]
        if lacking:
            what = f"{number_of(len(lacking), 'case')} of {len(folders)} without {ending}"
            remedy = "they count as subjects without it; unpack the archive again if that is not meant"
            yield Remark(release.title, what, remedy)
