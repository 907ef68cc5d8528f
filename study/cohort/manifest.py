"""Reader for a manifest: a CSV or JSON table that lists any files.

The table has columns `subject` and `center`, and optionally `patient` (all scans of a patient fall into the same
split), `occlusion` (proximal or distal), `control` (yes or no: a scan after treatment), `lesion`, `thrombus` and
`brain mask`; a column that is named like a modality holds its files. Cells of masks and modalities are NIfTI files,
relative to the manifest's folder; an empty cell means absent or unknown. Other columns are not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from study.cohort.cells import fault_of_name, has_file
from study.cohort.clinical import CLINICAL_COLUMNS, read_clinical
from study.cohort.columns import CENTER, PATIENT, SUBJECT_HINTS, Columns, Mistake, Role, not_used, recognise
from study.cohort.filenames import NIFTI_ENDINGS
from study.cohort.names import closest, folded
from study.cohort.records import MASKS, Entry, Listing
from study.cohort.table import Table, TableRow, read_table
from study.config import CohortConfig
from study.errors import CohortError, Problem, Remark

_ROLES = (
    Role("subject", (*SUBJECT_HINTS, "patient"), required=True),
    CENTER,
    PATIENT,
    *map(Role, CLINICAL_COLUMNS),
    *(Role(name, spellings=(f"{name} mask",)) for name in MASKS),
)
_WHO = ("subject", "patient", "center", *CLINICAL_COLUMNS)
_REFERENCE = (
    "mask",
    "label",
    "seg",
    "segmentation",
    "reference",
    "annotation",
    "roi",
    "gt",
    "groundtruth",
    "truth",
)


def list_manifest(cohort: CohortConfig) -> Listing:
    """One entry for each row of `cohort.path`; raises CohortError for a table with wrong columns."""
    path = cohort.path or Path()
    table = read_table(path)
    columns = recognise(table, _ROLES, cohort.sequences)
    scans = [column for column in columns.unknown if any(_is_scan(row.cells[column]) for row in table.rows)]
    mistakes = [
        *columns.mistakes,
        *_no_modality(table, columns, cohort),
        *_no_reference(columns, scans, cohort.target),
    ]
    if mistakes:
        raise CohortError([Problem("cohort.path", path, what, remedy) for what, remedy in mistakes])
    entries = tuple(_entry(path, row, columns) for row in table.rows)
    return Listing(entries, tuple(_remarks(path.name, columns, scans)))


def _no_modality(table: Table, columns: Columns, cohort: CohortConfig) -> Iterator[Mistake]:
    if set(cohort.sequences) & set(columns.of):
        return
    near = {name: closest(name, columns.unknown) for name in cohort.modalities}
    hints = [f"rename '{column}' to {name} if it is that" for name, column in near.items() if column]
    what = f"no column for any of cohort.modalities ({', '.join(cohort.modalities)})"
    remedy = ", ".join([*hints, "add one"]) + ", or set cohort.modalities to columns of the manifest"
    yield f"{what}; there are {', '.join(table.columns)}", remedy


def _no_reference(columns: Columns, scans: list[str], target: str) -> Iterator[Mistake]:
    """Columns that may hold the reference, where there is none; a mask may as well outline the brain."""
    if target in columns.of or any(f"'{target}'" in what for what, _ in columns.mistakes):
        return
    for column in scans:
        if folded(column) in _REFERENCE or target in folded(column):
            what = f"no column '{target}', which holds the reference (cohort.target), but '{column}'"
            yield what, f"rename it to {target} if it is that, or to brain mask"


def _remarks(table: str, columns: Columns, scans: list[str]) -> Iterator[Remark]:
    yield from not_used([column for column in columns.unknown if column not in scans], table)
    remedy = "name in cohort.modalities what the network should see"
    yield from not_used(scans, table, "columns with scans", remedy)


def _is_scan(cell: str) -> bool:
    return cell.lower().endswith(NIFTI_ENDINGS)


def _entry(path: Path, row: TableRow, columns: Columns) -> Entry:
    cells = columns.cells(row)
    who = {name: cell for name, cell in cells.items() if name in _WHO}
    files = {name: cell for name, cell in cells.items() if name not in _WHO and has_file(cell)}
    files |= {column: row.cells[column] for column in columns.unknown if _is_scan(row.cells[column])}
    found = {name: path.parent / cell for name, cell in files.items()}
    subject = who["subject"] or row.where
    clinical = read_clinical(who, subject, path, row.where)
    return Entry(
        id=subject,
        patient=who.get("patient") or subject,
        center=who["center"],
        images={name: file for name, file in found.items() if name not in MASKS},
        masks={name: file for name, file in found.items() if name in MASKS},
        problems=(*clinical.problems, *_faulty_names(path, row, who, subject)),
        occlusion=clinical.occlusion,
        control=clinical.control,
    )


def _faulty_names(path: Path, row: TableRow, who: dict[str, str], subject: str) -> Iterator[Problem]:
    for name in ("subject", "center"):
        if not who[name]:
            yield Problem(subject, path, f"{row.where} has no {name}", "fill the cell, or delete the row")
    for name in ("subject", "center", "patient"):
        if fault := fault_of_name(who.get(name, "")):
            what, remedy = fault
            yield Problem(subject, path, f"{row.where}: the {name} is {what}", remedy)
