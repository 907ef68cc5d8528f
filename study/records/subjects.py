"""The private table of a study: identity and files behind each pseudonym. It is never tracked or exported."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

from study.cohort.records import Cohort, Subject
from study.machine.files import atomic
from study.machine.untrusted import parse_json, read_limited
from study.records.files import StoredFile

LARGEST_TABLE = 64 * 1024**2  # bytes
_WHO = ("key", "id", "patient", "center", "occlusion", "control", "stand_ins")
_IMAGE, _MASK = "image:", "mask:"


class SubjectsFile(StoredFile):
    """`subjects.csv`, readable by its owner only."""

    def write(self, cohort: Cohort) -> None:
        """Write all subjects atomically."""
        names = sorted({_IMAGE + name for subject in cohort.subjects for name in subject.images})
        names += sorted({_MASK + name for subject in cohort.subjects for name in subject.masks})
        with atomic(self.path) as temporary:
            temporary.touch(mode=0o600)
            with temporary.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow([*_WHO, *names])
                for subject in cohort.subjects:
                    files = _files(subject)
                    writer.writerow([*_who(subject), *(files.get(name, "") for name in names)])

    def read(self) -> tuple[Subject, ...]:
        """The subjects as written; raises StudyError if the file is missing or damaged."""
        with self.opened() as file:
            try:
                text = read_limited(file, LARGEST_TABLE).decode()
                return tuple(_subject(row) for row in csv.DictReader(io.StringIO(text, newline="")))
            except (KeyError, TypeError, AttributeError, csv.Error) as error:
                raise self.damaged(repr(error)) from None
            except UnicodeDecodeError:
                raise self.damaged("not text") from None


def _who(subject: Subject) -> list[str]:
    control = "yes" if subject.control else "no"
    named = [subject.key, subject.id, subject.patient, subject.center]
    return [*named, subject.occlusion, control, json.dumps(dict(subject.stand_ins))]


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
        stand_ins=parse_json(row["stand_ins"].encode()),
    )
