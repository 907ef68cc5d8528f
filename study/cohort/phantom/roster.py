"""Which phantoms a configuration asks for: names, modalities and paths, without simulating a voxel."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from study.cohort.phantom.centers import CENTERS, Center, Counts, Kind
from study.cohort.records import Subject
from study.config import Config, Phantom

_GOLDEN = 0.6180339887498949  # successive multiples modulo 1 fill [0, 1] evenly


@dataclass(frozen=True)
class Entry:
    """One phantom to be: everything about it that is fixed before the first random draw.

    Attributes:
        number: from 1 within the center.
        rank, ranks: place of its lesion volume in the center's distribution (annotated subjects share it).
        anatomy: number of the subject whose brain it has; a control scan is a second look at a patient.
        occlusion: where the center's clots sit, "" where they may sit anywhere or there is none.
        control: a second look after treatment; centers without it have stroke mimics as controls instead.
    """

    id: str
    patient: str
    center: str
    number: int
    kind: Kind
    anatomy: int
    rank: int
    ranks: int
    susceptibility: tuple[str, ...]
    masks: tuple[str, ...]
    occlusion: str
    control: bool

    @property
    def modalities(self) -> tuple[str, ...]:
        """All images of this subject."""
        return CENTERS[self.center].diffusion + self.susceptibility


def pick(
    options: tuple[tuple[str, float], ...] | tuple[tuple[tuple[str, ...], float], ...], place: float
) -> int:
    """Index of the option in whose share the place in [0, 1) falls."""
    total = 0.0
    for index, (_, share) in enumerate(options):
        total += share
        if place < total:
            return index
    return len(options) - 1


def phantom_folder(config: Config) -> Path:
    """Where this cohort lies: one folder per settings and simulator code."""
    settings = config.cohort.phantom.model_dump(mode="json", exclude={"root"})
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return config.phantom_root / digest.hexdigest()[:16]


def entries(settings: Phantom) -> list[Entry]:
    """All phantoms in the order of the settings' centers."""
    return [entry for name in dict.fromkeys(settings.centers) for entry in _entries(CENTERS[name], settings)]


def subject_of(entry: Entry, folder: Path) -> Subject:
    """The record of a phantom in a cohort's folder; its key is given by the cohort."""
    derived = folder / "derivatives" / entry.id
    return Subject(
        id=entry.id,
        patient=entry.patient,
        center=entry.center,
        key="",
        images={
            modality: folder / entry.id / _kind_of_scan(modality) / f"{entry.id}_{modality}.nii.gz"
            for modality in entry.modalities
        },
        masks={name: derived / f"{entry.id}_{name}_mask.nii.gz" for name in entry.masks},
        occlusion=entry.occlusion,
        control=entry.control,
    )


def list_phantoms(config: Config) -> list[Subject]:
    """Every phantom of the configuration with its (future) files; deterministic, touches no voxel."""
    folder = phantom_folder(config)
    return [subject_of(entry, folder) for entry in entries(config.cohort.phantom)]


def _kind_of_scan(modality: str) -> str:
    return "dwi" if modality in ("DWI", "ADC", "B0") else "anat"


def _scaled(counts: Counts, wanted: int | None) -> Counts:
    if wanted is None:
        return counts
    control = wanted * counts.control // counts.total
    unannotated = wanted * counts.unannotated // counts.total
    return Counts(wanted - control - unannotated, control, unannotated)


def _entries(center: Center, settings: Phantom) -> list[Entry]:
    counts = _scaled(getattr(center, settings.size), settings.subjects_per_center)
    numbers: list[tuple[Kind, int]] = [
        ("annotated", counts.annotated),
        ("control", counts.control),
        ("unannotated", counts.unannotated),
    ]
    kinds = [kind for kind, number in numbers for _ in range(number)]
    found = []
    for index, kind in enumerate(kinds):
        number = index + 1
        second_look = kind == "control" and center.thrombus_masks > 0
        anatomy = index - counts.annotated + 1 if second_look else number
        options = center.susceptibility
        found.append(
            Entry(
                id=f"sub-{center.name}{number:04d}",
                patient=f"{center.name}{anatomy:04d}",
                center=center.name,
                number=number,
                kind=kind,
                anatomy=anatomy,
                rank=index if kind == "annotated" else -1,
                ranks=counts.annotated,
                susceptibility=options[pick(options, number * _GOLDEN % 1)][0],
                masks=_masks(center, kind),
                occlusion=center.occlusion if center.occlusion != "any" and kind != "control" else "",
                control=second_look,
            )
        )
    return found


def _masks(center: Center, kind: Kind) -> tuple[str, ...]:
    lesion = ("lesion",) if center.lesion_masks and kind != "unannotated" else ()
    thrombus = ("thrombus",) if center.thrombus_masks and kind != "unannotated" else ()
    return (*lesion, *thrombus, "brain")
