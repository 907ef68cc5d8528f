"""Which phantoms the settings ask for: names, modalities and files, without simulating a voxel."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from study.config import Phantom
from study.phantoms.centers import CENTERS, Center, Counts, Kind

_GOLDEN = 0.6180339887498949  # successive multiples modulo 1 fill [0, 1] evenly


@dataclass(frozen=True)
class PhantomSubject:
    """One examination to simulate: everything about it that is fixed before the first random draw.

    Attributes:
        id: `sub-CHSF0001`; also the name of its folder.
        patient: whose examination it is; a control scan shares it with the first look.
        center: one of `CENTERS`.
        number: from 1 within the center.
        kind: with a lesion and its masks, without a lesion, or with a lesion that nobody has drawn.
        anatomy: number of the subject whose brain it has; a control scan is a second look at a patient.
        rank: place of its lesion volume in the center's distribution, from 0; -1 unless it is annotated.
        ranks: number of annotated subjects, which share that distribution.
        susceptibility: modalities beside the diffusion images.
        masks: `lesion`, `thrombus` or `brain`, those that are written.
        occlusion: where the center's clots sit; "" where they may sit anywhere or there is none.
        control: a second look after treatment; centers without it have stroke mimics as controls instead.
        generation: 0 in the cohort; each later one has another brain, lesion and scanner in this place of the roster.
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
    generation: int = 0

    @property
    def modalities(self) -> tuple[str, ...]:
        """All images of this subject."""
        return CENTERS[self.center].diffusion + self.susceptibility


@dataclass(frozen=True)
class PhantomFiles:
    """Where the images (by modality) and masks (by name) of one phantom lie once they are written."""

    images: dict[str, Path]
    masks: dict[str, Path]


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


def phantom_roster(settings: Phantom) -> list[PhantomSubject]:
    """All phantoms in the order of the settings' centers; the same settings give the same list."""
    return [
        one for name in dict.fromkeys(settings.centers) for one in _center_roster(CENTERS[name], settings)
    ]


def phantom_folder(settings: Phantom, root: Path) -> Path:
    """The folder of these phantoms below `root`: one for each combination of settings and simulator code."""
    digest = hashlib.sha256(json.dumps(settings.made_with, sort_keys=True).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return root / digest.hexdigest()[:16]


def phantom_files(subject: PhantomSubject, folder: Path) -> PhantomFiles:
    """Where a phantom's images and masks lie in the folder of its cohort; they need not exist yet."""
    name, derived = subject.id, folder / "derivatives" / subject.id
    images = {
        modality: folder / name / _kind_of_scan(modality) / f"{name}_{modality}.nii.gz"
        for modality in subject.modalities
    }
    return PhantomFiles(images, {mask: derived / f"{name}_{mask}_mask.nii.gz" for mask in subject.masks})


def _kind_of_scan(modality: str) -> str:
    return "dwi" if modality in ("DWI", "ADC", "B0") else "anat"


def _scaled(counts: Counts, wanted: int | None) -> Counts:
    if wanted is None:
        return counts
    control = wanted * counts.control // counts.total
    unannotated = wanted * counts.unannotated // counts.total
    return Counts(wanted - control - unannotated, control, unannotated)


def _center_roster(center: Center, settings: Phantom) -> list[PhantomSubject]:
    counts = _scaled(getattr(center, settings.size), settings.subjects_per_center)
    numbers: dict[Kind, int] = {
        "annotated": counts.annotated,
        "control": counts.control,
        "unannotated": counts.unannotated,
    }
    kinds = [kind for kind, number in numbers.items() for _ in range(number)]
    return [_subject(center, kind, index, counts.annotated) for index, kind in enumerate(kinds)]


def _subject(center: Center, kind: Kind, index: int, annotated: int) -> PhantomSubject:
    """The subject at an index within its center, where annotated subjects come first and controls follow them."""
    number = index + 1
    second_look = kind == "control" and center.thrombus_masks > 0
    anatomy = number - annotated if second_look else number
    options = center.susceptibility
    return PhantomSubject(
        id=f"sub-{center.name}{number:04d}",
        patient=f"{center.name}{anatomy:04d}",
        center=center.name,
        number=number,
        kind=kind,
        anatomy=anatomy,
        rank=index if kind == "annotated" else -1,
        ranks=annotated,
        susceptibility=options[pick(options, number * _GOLDEN % 1)][0],
        masks=_masks(center, kind),
        occlusion=center.occlusion if center.occlusion != "any" and kind != "control" else "",
        control=second_look,
    )


def _masks(center: Center, kind: Kind) -> tuple[str, ...]:
    lesion = ("lesion",) if center.lesion_masks and kind != "unannotated" else ()
    thrombus = ("thrombus",) if center.thrombus_masks and kind != "unannotated" else ()
    return (*lesion, *thrombus, "brain")
