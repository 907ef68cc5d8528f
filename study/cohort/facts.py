"""What a row of a table says besides files: where the clot sits, and whether it is a control scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from study.cohort.records import OCCLUSIONS
from study.cohort.table import NOT_GIVEN
from study.errors import Problem

FACTS = ("occlusion", "control")
YES, NO = ("yes", "true", "1"), ("no", "false", "0")


@dataclass(frozen=True)
class Facts:
    """Fields of `Subject`, and what is wrong with their cells."""

    occlusion: str = ""
    control: bool = False
    problems: tuple[Problem, ...] = ()


def read_facts(cells: Mapping[str, str], subject: str, table: Path, where: str) -> Facts:
    """The facts in a row's cells, by column; a column that is not there is an empty cell.

    Args:
        cells: of the columns `occlusion` and `control`, upper or lower case.
        subject: what problems call the subject.
        table: the file.
        where: the row's place in it ("line 3").
    """
    occlusion, control = (cells.get(column, "").casefold() for column in FACTS)
    problems = []
    if occlusion not in (*OCCLUSIONS, *NOT_GIVEN):
        what = f"{where}: occlusion is '{cells['occlusion']}'"
        remedy = f"write {' or '.join(OCCLUSIONS)}, or leave the cell empty where it is not known"
        problems.append(Problem(subject, table, what, remedy))
    if control not in (*YES, *NO, *NOT_GIVEN):
        what = f"{where}: control is '{cells['control']}'"
        remedy = "write yes or no (true, false, 1, 0), or leave the cell empty for no"
        problems.append(Problem(subject, table, what, remedy))
    return Facts(occlusion if occlusion in OCCLUSIONS else "", control in YES, tuple(problems))
