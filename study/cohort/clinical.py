"""What a row of a table says besides files: where the clot sits, and whether the scan is a control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from study.cohort.records import OCCLUSIONS
from study.cohort.table import NOT_GIVEN
from study.errors import Problem

CLINICAL_COLUMNS = ("occlusion", "control")
YES, NO = ("yes", "true", "1"), ("no", "false", "0")


@dataclass(frozen=True)
class ClinicalCells:
    """The values of a row's clinical columns as `Subject` has them, and the problems of cells that are not legal."""

    occlusion: str = ""
    control: bool = False
    problems: tuple[Problem, ...] = ()


def read_clinical(cells: Mapping[str, str], subject: str, table: Path, where: str) -> ClinicalCells:
    """Read the clinical columns of a row; a column that the table lacks counts as an empty cell.

    Args:
        cells: by column; values in upper or lower case.
        subject: its name in problems.
        table: the file.
        where: the row's place in it ("line 3").
    """
    occlusion, control = (cells.get(column, "").casefold() for column in CLINICAL_COLUMNS)
    problems = []
    if occlusion not in (*OCCLUSIONS, *NOT_GIVEN):
        what = f"{where}: occlusion is '{cells['occlusion']}'"
        remedy = f"write {' or '.join(OCCLUSIONS)}, or leave the cell empty where it is not known"
        problems.append(Problem(subject, table, what, remedy))
    if control not in (*YES, *NO, *NOT_GIVEN):
        what = f"{where}: control is '{cells['control']}'"
        remedy = "write yes or no (true, false, 1, 0), or leave the cell empty for no"
        problems.append(Problem(subject, table, what, remedy))
    return ClinicalCells(occlusion if occlusion in OCCLUSIONS else "", control in YES, tuple(problems))
