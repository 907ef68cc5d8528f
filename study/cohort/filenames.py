"""What file names say: which files are scans, and of which modality."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from study.errors import Problem

NIFTI_ENDINGS = (".nii.gz", ".nii")


def nifti_files(*folders: Path) -> list[Path]:
    """The NIfTI files in some folders, sorted by name, without hidden ones; a folder that does not exist has none."""
    files: list[Path] = []
    for folder in folders:
        if folder.is_dir():
            files += sorted(
                path
                for path in folder.iterdir()
                if path.name.endswith(NIFTI_ENDINGS) and not path.name.startswith(".")
            )
    return files


def folders_named(parent: Path, prefix: str) -> list[Path]:
    """The folders in `parent` whose names start with `prefix`, sorted by name."""
    if not parent.is_dir():
        return []
    return sorted(path for path in parent.iterdir() if path.name.startswith(prefix) and path.is_dir())


def stem(path: Path) -> str:
    """A file's name without its NIfTI ending."""
    return re.sub(r"\.nii(\.gz)?$", "", path.name)


def modality_named(name: str, modalities: Iterable[str]) -> str:
    """The configured spelling of a modality, ignoring case; unknown names stay as they are."""
    spelling = {modality.casefold(): modality for modality in modalities}
    return spelling.get(name.strip().casefold(), name.strip())


def images_by_suffix(files: Iterable[Path], modalities: Sequence[str]) -> dict[str, list[Path]]:
    """Files by modality, the part of the name after the last underscore: `sub-01_ses-1_dwi.nii.gz` is a DWI.

    A suffix that is no configured modality is listed in upper case.
    """
    found: dict[str, list[Path]] = {}
    for path in files:
        suffix = stem(path).rpartition("_")[2]
        name = modality_named(suffix, modalities)
        found.setdefault(name if name in modalities else name.upper(), []).append(path)
    return found


def single_files(
    subject: str, found: Mapping[str, Sequence[Path]], used: Iterable[str]
) -> tuple[dict[str, Path], tuple[Problem, ...]]:
    """One file for each name; several files are a problem if the name is used, and are left out if it is not."""
    files = {name: paths[0] for name, paths in found.items() if len(paths) == 1}
    problems = tuple(
        Problem(
            subject,
            found[name][1],
            f"{len(found[name])} files for {name}",
            "leave one of them there, or list the files in a manifest (cohort.sources=[manifest])",
            ", ".join(path.name for path in found[name]),
        )
        for name in used
        if len(found.get(name, ())) > 1
    )
    return files, problems
