"""Which phantoms the settings ask for: names, modalities and files, without simulating a voxel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from study.config import Phantom
from study.phantoms.centers import CENTERS, Center, Counts, Kind
from study.phantoms.structural_centers import STRUCTURAL, StructuralCenter

_GOLDEN = 0.6180339887498949  # successive multiples modulo 1 fill [0, 1] evenly
_PLASTIC = 0.7548776662466927  # and so do those of this, independently


@dataclass(frozen=True)
class PhantomSubject:
    """One examination to simulate: everything about it that is fixed before the first random draw.

    Attributes:
        id: `sub-CHSF0001`; also the name of its folder.
        patient: whose examination it is; a control scan shares it with the first look.
        center: one of `CENTERS` or of `STRUCTURAL`.
        number: from 1 within the center.
        kind: with a lesion and its masks, without a lesion, or with a lesion that nobody has drawn.
        anatomy: number of the subject whose brain it has; a control scan is a second look at a patient.
        rank: place of its lesion volume in the center's distribution, from 0; -1 unless it is annotated.
        ranks: number of annotated subjects, which share that distribution.
        susceptibility: modalities beside the diffusion images.
        masks: `lesion`, `thrombus` or `brain`, those that are written.
        occlusion: where the center's clots sit; "" where they may sit anywhere or there is none.
        control: a second look after treatment; centers without it have stroke mimics as controls instead.
        grade: `HGG` or `LGG`, of a tumour.
        visit: number of the examination of a patient with multiple sclerosis, from 1.
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
    grade: str = ""
    visit: int = 1
    generation: int = 0

    @property
    def modalities(self) -> tuple[str, ...]:
        """All images of this subject."""
        if self.center in STRUCTURAL:
            return STRUCTURAL[self.center].modalities
        return CENTERS[self.center].diffusion + self.susceptibility


@dataclass(frozen=True)
class PhantomFiles:
    """Where the images (by modality) and masks (by name) of one phantom lie once they are written."""

    images: dict[str, Path]
    masks: dict[str, Path]


def pick(options: Sequence[tuple[object, float]], place: float) -> int:
    """Index of the option in whose share the place in [0, 1) falls."""
    total = 0.0
    for index, (_, share) in enumerate(options):
        total += share
        if place < total:
            return index
    return len(options) - 1


def phantom_roster(settings: Phantom) -> list[PhantomSubject]:
    """All phantoms in the order of the settings' centers; the same settings give the same list."""
    found: list[PhantomSubject] = []
    for name in dict.fromkeys(settings.centers):
        if name in STRUCTURAL:
            found += _structural_roster(STRUCTURAL[name], settings)
        else:
            found += _center_roster(CENTERS[name], settings)
    return found


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


def _structural_roster(center: StructuralCenter, settings: Phantom) -> list[PhantomSubject]:
    """All examinations, patient by patient; those that are asked for are dealt out evenly to as many patients."""
    visits: tuple[int, ...] = getattr(center, settings.size)
    if (wanted := settings.subjects_per_center) is not None:
        patients = max(min(wanted, len(visits)), -(-wanted // max(visits)))
        visits = tuple(wanted // patients + (index < wanted % patients) for index in range(patients))
    looks = [(patient, visit + 1) for patient, count in enumerate(visits, 1) for visit in range(count)]
    return [_look(center, number, *look) for number, look in enumerate(looks, 1)]


def _look(center: StructuralCenter, number: int, patient: int, visit: int) -> PhantomSubject:
    """One examination; patients are numbered within the center, and so are all examinations."""
    low = patient * _PLASTIC % 1 < center.low_grade
    return PhantomSubject(
        id=f"sub-{center.name}{number:04d}",
        patient=f"{center.name}{patient:04d}",
        center=center.name,
        number=number,
        kind="annotated",
        anatomy=patient,
        rank=-1,
        ranks=0,
        susceptibility=(),
        masks=center.masks,
        occlusion="",
        control=False,
        grade="" if center.disease == "ms" else "LGG" if low else "HGG",
        visit=visit,
    )


def _masks(center: Center, kind: Kind) -> tuple[str, ...]:
    lesion = ("lesion",) if center.lesion_masks and kind != "unannotated" else ()
    thrombus = ("thrombus",) if center.thrombus_masks and kind != "unannotated" else ()
    return (*lesion, *thrombus, "brain")
