"""The list of a folder's predictions, `predictions.csv` for a spreadsheet and `predictions.json` for a program."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from study.config import join_modalities
from study.deployment.manifest import Manifest
from study.machine.files import atomic, write_json

DECIMALS = 4  # of volumes in mL; a voxel of 0.5 mm has 0.0001 mL


@dataclass(frozen=True)
class Listed:
    """One subject of a folder.

    Attributes:
        subject: its name in the folder.
        mask: name of the file; None if the subject could not be predicted.
        given: modalities of the bundle that it has, stand-ins counting as what they stand in for.
        volume_ml: of the mask.
        components: number of 26-connected components of the mask.
        largest_component_ml: volume of the largest; 0 for an empty mask.
        remarks: what a reader of the mask must know about the input.
        warnings: why not to rely on the mask.
        problems: why it could not be predicted.
    """

    subject: str
    mask: str | None = None
    given: tuple[str, ...] = ()
    volume_ml: float | None = None
    components: int | None = None
    largest_component_ml: float | None = None
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def write_list(folder: Path, manifest: Manifest, subjects: Sequence[Listed]) -> None:
    """Write both files; earlier ones are replaced.

    Args:
        folder: of the masks.
        manifest: of the bundle.
        subjects: in the order of the lines.
    """
    with (
        atomic(folder / "predictions.csv") as temporary,
        # Spreadsheets take a text for Unicode by the mark at its beginning.
        temporary.open("w", encoding="utf-8-sig", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(asdict(Listed(""))))
        writer.writeheader()
        writer.writerows(_cells(one) for one in subjects)
    bundle = {"study": manifest.study, "trial": manifest.trial, "target": manifest.target}
    write_json(folder / "predictions.json", {"bundle": bundle, "subjects": [asdict(one) for one in subjects]})


def _cells(one: Listed) -> dict[str, object]:
    texts = {
        "given": join_modalities(one.given),
        "remarks": "; ".join(one.remarks),
        "warnings": "; ".join(one.warnings),
        "problems": "; ".join(one.problems),
    }
    return asdict(one) | texts
