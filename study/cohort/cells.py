"""Cells that programs have written in place of what people meant."""

from __future__ import annotations

import re

_ABSENT = ("", "n/a", "na", "nan", "#n/a", "none", "null", "-")
_ROUNDED = re.compile(r"\d([.,]\d+)?e\+\d+", re.IGNORECASE)  # 1,23457E+11
_ERROR = re.compile(r"#(N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!)", re.IGNORECASE)


def has_file(cell: str) -> bool:
    """Whether a cell names a file: pandas, R and spreadsheets have words for an empty one."""
    return cell.casefold() not in _ABSENT


def fault_of_name(cell: str) -> tuple[str, str] | None:
    """Why a cell that is not empty is no name of a subject, patient or center, and what to do; None if it is one."""
    if _ROUNDED.fullmatch(cell):
        return (
            "a number that a spreadsheet has rounded",
            "format the column as text, and enter the names again",
        )
    if _ERROR.fullmatch(cell):
        return "a spreadsheet's error", "correct the cell"
    if cell and not has_file(cell):
        return "what programs write for an empty cell", "leave it empty, or write the name in another way"
    return None
