"""Simulated scans in nnU-Net's raw format: 40 to learn from, 8 to validate on, and 48 of other people to test on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

from study.config import Phantom
from study.phantoms import PhantomSubject, phantom_files, phantom_folder, phantom_roster
from study.phantoms.write import write_cohort

NAME = "Dataset001_Phantoms"
CHANNELS = ("DWI", "ADC")
SEEN: tuple[Literal["CHSF", "JHU", "MATAR", "MATAR2"], ...] = ("CHSF", "JHU", "MATAR", "MATAR2")
TRAINED, VALIDATED = 40, 8
COHORTS = {
    "training": Phantom(centers=SEEN, seed=0, subjects_per_center=11),
    "validation": Phantom(centers=SEEN, seed=2, subjects_per_center=3),
    "test": Phantom(centers=(*SEEN, "ISLES"), seed=1),
}


def write_dataset(folder: Path) -> Path:
    """Write the data set below a folder, unless it is there; returns the data set's own folder."""
    dataset = folder / "raw" / NAME
    if (dataset / "dataset.json").exists():
        return dataset
    cases = {part: _cases(folder / "phantoms", settings) for part, settings in COHORTS.items()}
    learnt = {
        "train": _write(dataset, "Tr", "a", cases["training"][:TRAINED]),
        "val": _write(dataset, "Tr", "b", cases["validation"][:VALIDATED]),
    }
    _write(dataset, "Ts", "c", cases["test"])
    (dataset / "splits_final.json").write_text(json.dumps([learnt], indent=1))
    description = {
        "channel_names": {str(number): name for number, name in enumerate(CHANNELS)},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": TRAINED + VALIDATED,
        "file_ending": ".nii.gz",
    }
    (dataset / "dataset.json").write_text(json.dumps(description, indent=1))
    return dataset


def _cases(root: Path, settings: Phantom) -> list[tuple[PhantomSubject, Path]]:
    """Subjects with both channels and a lesion, and the folder of their files."""
    folder = phantom_folder(settings, root)
    write_cohort(settings, folder)
    roster = (one for one in phantom_roster(settings) if "lesion" in one.masks and not one.control)
    return [(one, folder) for one in roster if set(CHANNELS) <= set(one.modalities)]


def _write(dataset: Path, suffix: str, prefix: str, cases: list[tuple[PhantomSubject, Path]]) -> list[str]:
    """Copy cases as nnU-Net names them; returns their names."""
    names = []
    for subject, folder in cases:
        name = f"{subject.center}_{prefix}{subject.number:03d}"
        files = phantom_files(subject, folder)
        copies = {f"images{suffix}/{name}_{n:04d}": files.images[m] for n, m in enumerate(CHANNELS)}
        copies[f"labels{suffix}/{name}"] = files.masks["lesion"]
        for target, source in copies.items():
            path = dataset / f"{target}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, path)
        names.append(name)
    return names
