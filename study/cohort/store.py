"""The cohort of a study on disk: splits by key, and the private table that says who is behind a key."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from study.cohort.records import Cohort, Splits, Subject
from study.errors import StudyError
from study.results import StudyFolder, atomic, read_json, write_json

_WHO = ("key", "id", "patient", "center", "occlusion", "control", "substituted")
_USES = tuple(use.name for use in fields(Splits))
_IMAGE, _MASK = "image:", "mask:"


def write_splits(folder: StudyFolder, cohort: Cohort, splits: Splits) -> None:
    """Write splits.json (keys, and how many subjects were skipped) and subjects.csv (private: ids, paths)."""
    names = sorted({_IMAGE + name for subject in cohort.subjects for name in subject.images})
    names += sorted({_MASK + name for subject in cohort.subjects for name in subject.masks})
    with atomic(folder.subjects) as temporary:
        temporary.touch(mode=0o600)
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*_WHO, *names])
            for subject in cohort.subjects:
                files = _files(subject)
                control = "yes" if subject.control else "no"
                who = [subject.key, subject.id, subject.patient, subject.center]
                who += [subject.occlusion, control, json.dumps(dict(subject.substituted))]
                writer.writerow([*who, *(files.get(name, "") for name in names)])
    write_json(folder.splits, {**asdict(splits), "skipped": cohort.skipped})


def read_splits(folder: StudyFolder) -> Splits:
    """The splits of a study; raises StudyError if they are not there or damaged."""
    content = _read_splits_file(folder)
    return Splits(**{use: tuple(content[use]) for use in _USES})


def read_cohort(folder: StudyFolder) -> Cohort:
    """The cohort of a study as it was written; raises StudyError if it is not there or damaged."""
    skipped = int(_read_splits_file(folder)["skipped"])
    try:
        with folder.subjects.open(newline="", encoding="utf-8") as file:
            return Cohort(tuple(_subject(row) for row in csv.DictReader(file)), skipped)
    except FileNotFoundError:
        raise StudyError(_absent(folder.subjects)) from None
    except (KeyError, TypeError, AttributeError, ValueError, csv.Error) as error:
        raise StudyError(
            f"{folder.subjects}: damaged ({error!r}); restore it, or run the study anew"
        ) from None


def cohort_hash(cohort: Cohort, splits: Splits) -> str:
    """An identity of the data without names: changes with subjects, splits, file sizes, not with folders."""
    content = [
        [
            subject.key,
            subject.id,
            subject.patient,
            subject.center,
            _sizes(subject.images),
            _sizes(subject.masks),
            subject.occlusion,
            subject.control,
            dict(subject.substituted),
        ]
        for subject in sorted(cohort.subjects, key=lambda subject: subject.key)
    ]
    text = json.dumps([content, {use: sorted(keys) for use, keys in asdict(splits).items()}], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _files(subject: Subject) -> dict[str, str]:
    images = {_IMAGE + name: str(path) for name, path in subject.images.items()}
    return images | {_MASK + name: str(path) for name, path in subject.masks.items()}


def _subject(row: Mapping[str, str]) -> Subject:
    files = {name: Path(value) for name, value in row.items() if value}
    images = {name.removeprefix(_IMAGE): path for name, path in files.items() if name.startswith(_IMAGE)}
    masks = {name.removeprefix(_MASK): path for name, path in files.items() if name.startswith(_MASK)}
    return Subject(
        id=row["id"],
        patient=row["patient"],
        center=row["center"],
        key=row["key"],
        images=images,
        masks=masks,
        occlusion=row["occlusion"],
        control=row["control"] == "yes",
        substituted=json.loads(row["substituted"]),
    )


def _read_splits_file(folder: StudyFolder) -> dict[str, Any]:
    try:
        content = read_json(folder.splits)
        missing = {*_USES, "skipped"} - set(content)
    except FileNotFoundError:
        raise StudyError(_absent(folder.splits)) from None
    except (ValueError, TypeError) as error:
        raise StudyError(f"{folder.splits}: damaged ({error}); restore it, or run the study anew") from None
    if missing:
        raise StudyError(f"{folder.splits}: damaged (no {', '.join(sorted(missing))}); run the study anew")
    return dict(content)


def _absent(path: Path) -> str:
    return f"{path}: file is missing; the study has not been prepared: run it first"


def _sizes(files: Mapping[str, Path]) -> dict[str, int]:
    """File sizes in bytes by name, -1 for what is not there."""
    return {name: path.stat().st_size if path.exists() else -1 for name, path in files.items()}
