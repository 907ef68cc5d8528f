"""Reader for a manifest: a CSV or JSON table that lists any files.

The table has columns `subject` and `center`, and optionally `patient` (all scans of a patient fall into the same
split), `occlusion` (proximal or distal), `control` (yes or no: a scan after treatment), `lesion`, `thrombus` and
`brain mask`; every other column is a modality. Cells of masks and modalities are NIfTI files, relative to the
manifest's folder; an empty cell means absent or unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from study.cohort.clinical import CLINICAL_COLUMNS, read_clinical
from study.cohort.filenames import NIFTI_ENDINGS, modality_named
from study.cohort.records import MASKS, Entry
from study.cohort.table import Table, TableRow, read_table
from study.config import CohortConfig
from study.errors import CohortError, Problem

_WHO = ("subject", "patient", "center", *CLINICAL_COLUMNS)


def list_manifest(cohort: CohortConfig) -> list[Entry]:
    """One entry for each row of `cohort.path`; raises CohortError for a table with wrong columns."""
    path = cohort.path or Path()
    table = read_table(path)
    names = {column: _meaning(column, cohort.sequences) for column in table.columns}
    problems = _column_problems(path, table, names, cohort)
    if problems:
        raise CohortError(problems)
    return [_entry(path, row, names) for row in table.rows]


def _meaning(column: str, sequences: tuple[str, ...]) -> str:
    """What a column holds: one of `_WHO`, a mask's name, or a modality."""
    plain = "_".join(column.casefold().split())
    if plain in _WHO or plain in MASKS:
        return plain
    if plain.removesuffix("_mask") in MASKS:
        return plain.removesuffix("_mask")
    return modality_named(column, sequences)


def _column_problems(path: Path, table: Table, names: dict[str, str], cohort: CohortConfig) -> list[Problem]:
    found = []
    meanings = list(names.values())
    for name in sorted({name for name in meanings if meanings.count(name) > 1}):
        columns = [column for column, meaning in names.items() if meaning == name]
        found.append((f"columns {', '.join(columns)} all mean {name}", "keep one of them"))
    there = ", ".join(table.columns)
    found += [
        (f"no column '{needed}'; there are {there}", "add it")
        for needed in ("subject", "center")
        if needed not in meanings
    ]
    if not set(cohort.sequences) & set(meanings):
        what = f"no column for any of cohort.modalities ({', '.join(cohort.modalities)}); there are {there}"
        found.append((what, "add one, or set cohort.modalities to columns of the manifest"))
    found += _strange_columns(table, names, cohort)
    return [Problem("cohort.path", path, what, remedy) for what, remedy in found]


def _strange_columns(table: Table, names: dict[str, str], cohort: CohortConfig) -> Iterator[tuple[str, str]]:
    """What is wrong with columns that are nothing known and hold something else than NIfTI files."""
    for column, name in names.items():
        if name in _WHO or name in MASKS or name in cohort.sequences:
            continue
        strange = [row.cells[column] for row in table.rows if _is_strange(row.cells[column])]
        if strange:
            example = "" if cohort.pseudonymise else f" ('{strange[0]}' is not a NIfTI file)"
            what = f"column '{column}' is neither a modality{example} nor one of "
            what += f"{', '.join(_WHO)}, lesion, thrombus, brain mask"
            yield what, "delete the column, or correct its name or its files"


def _is_strange(cell: str) -> bool:
    return bool(cell) and not cell.lower().endswith(NIFTI_ENDINGS)


def _entry(path: Path, row: TableRow, names: dict[str, str]) -> Entry:
    who = {name: row.cells[column] for column, name in names.items() if name in _WHO}
    files = {
        name: path.parent / row.cells[column]
        for column, name in names.items()
        if name not in _WHO and row.cells[column]
    }
    subject = who["subject"] or row.where
    clinical = read_clinical(who, subject, path, row.where)
    problems = clinical.problems + tuple(
        Problem(subject, path, f"{row.where} has no {needed}", "fill the cell, or delete the row")
        for needed in ("subject", "center")
        if not who[needed]
    )
    images = {name: file for name, file in files.items() if name not in MASKS}
    masks = {name: file for name, file in files.items() if name in MASKS}
    patient = who.get("patient") or subject
    return Entry(
        subject, patient, who["center"], images, masks, problems, clinical.occlusion, clinical.control
    )
