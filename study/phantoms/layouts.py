"""Phantoms in the layouts of public data sets, as their archives are unpacked: names, folders and labels.

A layout is made of a cohort that lies on disk in the BIDS-like one: files are copied under other names, unpacked where
the set has plain NIfTI files, and label maps get the set's labels. Voxels stay what they are.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from study.config import Phantom
from study.errors import ConfigError
from study.machine.files import atomic_folder
from study.machine.progress import Progress, unwatched
from study.machine.temporary import temporary_folder
from study.phantoms.roster import PhantomSubject, phantom_files, phantom_roster
from study.phantoms.structural_centers import STRUCTURAL
from study.phantoms.write import write_cohort, write_image

TRUTH, REGIONS, CENTERS_TABLE = "truth", "regions", "centers.csv"
_TUMOURS = tuple(name for name, center in STRUCTURAL.items() if center.disease == "tumour")


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        centers: whose subjects may be in it.
        places: of a subject with its place in the cohort (from 0): where each image, mask and the truth lie.
        labels: of its label maps, by those of BraTS 2018; None where they stay.
        tells_centers: whether names tell the centers, or there is a single one; else a table does.
    """

    centers: tuple[str, ...]
    places: Callable[[PhantomSubject, int], Mapping[str, str]]
    labels: Mapping[int, int] | None = None
    tells_centers: bool = True


def write_layout(name: str, settings: Phantom, folder: Path, progress: Progress = unwatched) -> int:
    """Simulate a cohort and write it in the layout of a data set to a new folder; returns the number of subjects.

    Args:
        name: of the layout.
        settings: which phantoms.
        folder: that becomes the root of the data set.
        progress: called for each simulated subject.

    Raises:
        ConfigError: a center is none of the data set.
        OSError: the folder cannot be written or the disk is full.
    """
    layout = LAYOUTS[name]
    if foreign := [center for center in settings.centers if center not in layout.centers]:
        what = f"layout={name} holds {', '.join(layout.centers)}, not {', '.join(foreign)}"
        remedy = f"set cohort.phantom.centers=[{', '.join(layout.centers)}]"
        raise ConfigError([f"cohort.phantom.centers: {what}; {remedy}"])
    subjects = phantom_roster(settings)
    with temporary_folder("phantoms") as source, atomic_folder(folder) as target:
        write_cohort(settings, source, progress)
        for place, subject in enumerate(subjects):
            for file, path in layout.places(subject, place).items():
                _place(file, _file_of(subject, file, source), target / path, layout)
        if not layout.tells_centers:
            (target / CENTERS_TABLE).write_text(_centers(subjects, layout), encoding="utf-8")
    return len(subjects)


def _file_of(subject: PhantomSubject, name: str, folder: Path) -> Path:
    if name == TRUTH:
        return folder / subject.id / f"{subject.id}_truth.json"
    files = phantom_files(subject, folder)
    return files.images.get(name) or files.masks[name]


def _place(name: str, source: Path, target: Path, layout: Layout) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if name == REGIONS and layout.labels is not None:
        image = nibabel.load(source)
        values = np.asarray(image.dataobj, np.uint8)
        table = np.arange(256, dtype=np.uint8)
        for old, new in layout.labels.items():
            table[old] = new
        write_image(target, table[values], image.affine)
    elif target.suffix == ".nii":
        with gzip.open(source) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    else:
        shutil.copyfile(source, target)


def _centers(subjects: list[PhantomSubject], layout: Layout) -> str:
    rows = [("case", "center")]
    for place, subject in enumerate(subjects):
        rows.append((Path(layout.places(subject, place)[TRUTH]).parts[0], subject.center))
    return "".join(",".join(row) + "\n" for row in rows)


def _brats2018(subject: PhantomSubject, place: int) -> dict[str, str]:
    code = f"{subject.number:03d}"
    if not subject.center.startswith("TCIA"):  # other institutions have letters
        code = "".join(chr(ord("A") + subject.number // 26**power % 26) for power in (2, 1, 0))
    case = f"Brats18_{subject.center}_{code}_1"
    names = {"FLAIR": "flair", "T1": "t1", "T1c": "t1ce", "T2": "t2", REGIONS: "seg"}
    found = {name: f"{subject.grade}/{case}/{case}_{ending}.nii.gz" for name, ending in names.items()}
    return found | {TRUTH: f"{subject.grade}/{case}/{case}_truth.json"}


def _brats2023(subject: PhantomSubject, place: int) -> dict[str, str]:
    case = f"BraTS-GLI-{place:05d}-000"
    names = {"FLAIR": "t2f", "T1": "t1n", "T1c": "t1c", "T2": "t2w", REGIONS: "seg"}
    found = {name: f"{case}/{case}-{ending}.nii.gz" for name, ending in names.items()}
    return found | {TRUTH: f"{case}/{case}-truth.json"}


def _isbi2015(subject: PhantomSubject, place: int) -> dict[str, str]:
    patient = f"training{subject.anatomy:02d}"
    look = f"{patient}_{subject.visit:02d}"
    names = {"T1": "mprage", "FLAIR": "flair", "T2": "t2", "PD": "pd"}
    found = {name: f"{patient}/preprocessed/{look}_{ending}_pp.nii" for name, ending in names.items()}
    masks = {"lesion": f"{look}_mask1.nii", "second_rater": f"{look}_mask2.nii"}
    found |= {name: f"{patient}/masks/{file}" for name, file in masks.items()}
    return found | {TRUTH: f"{patient}/{look}_truth.json"}


def _umcl(subject: PhantomSubject, place: int) -> dict[str, str]:
    patient = f"patient{subject.number:02d}"
    names = {"FLAIR": "FLAIR", "T1": "T1W", "T1c": "T1WKS", "T2": "T2W"}
    names |= {"lesion": "consensus_gt", "brain": "brainmask"}
    found = {name: f"{patient}/{file}.nii.gz" for name, file in names.items()}
    return found | {TRUTH: f"{patient}/{patient}_truth.json"}


def _jhu(subject: PhantomSubject, place: int) -> dict[str, str]:
    name = f"sub-{hashlib.sha256(subject.id.encode()).hexdigest()[:8]}"
    found = {one: f"{name}/{name}_{one}_space-orig.nii.gz" for one in subject.modalities}
    masks = {"lesion": "stroke", "brain": "brain"}
    found |= {one: f"{name}/{name}_desc-{mask}_mask.nii.gz" for one, mask in masks.items()}
    return found | {TRUTH: f"{name}/{name}_truth.json"}


LAYOUTS: Mapping[str, Layout] = {
    "brats2018": Layout(_TUMOURS, _brats2018),
    "brats2023": Layout(_TUMOURS, _brats2023, labels={4: 3}, tells_centers=False),
    "isbi2015": Layout(("ISBI",), _isbi2015),
    "umcl": Layout(("UMCL",), _umcl),
    "jhu": Layout(("JHU",), _jhu),
}
