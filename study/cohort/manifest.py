"""Reader for a manifest: a CSV or JSON table that lists any files.

The table has columns `subject` and `center`, and optionally `patient` (all scans of a patient fall into the same
split), `occlusion` (proximal or distal), `control` (yes or no: a scan after treatment), `lesion`, `thrombus` and
`brain mask`; a column that is named like a modality holds its files. Cells of masks and modalities are NIfTI files,
relative to the manifest's folder; an empty cell means absent or unknown. Other columns are not used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from study.cohort.cells import fault_of_name, has_file
from study.cohort.clinical import CLINICAL_COLUMNS, read_clinical
from study.cohort.columns import (
    CENTER_NAMES,
    PATIENT_NAMES,
    SUBJECT_NAMES,
    Columns,
    Mistake,
    Role,
    missing,
    not_used,
    recognise,
)
from study.cohort.filenames import NIFTI_ENDINGS
from study.cohort.likeness import folded, nearest
from study.cohort.records import MASKS, Entry, Listing
from study.cohort.table import Table, TableRow, read_table
from study.config import CohortConfig
from study.errors import CohortError, Problem, Remark

_REQUIRED = (Role("subject", ("subject",), SUBJECT_NAMES), Role("center", ("center",), CENTER_NAMES))
_OPTIONAL = (
    Role("patient", ("patient",), PATIENT_NAMES),
    *(Role(name, (name,)) for name in CLINICAL_COLUMNS),
    *(Role(name, (name, f"{name} mask")) for name in MASKS),
)
_WHO = ("subject", "patient", "center", *CLINICAL_COLUMNS)
_REFERENCE = ("mask", "label", "seg", "segmentation", "reference", "annotation", "roi", "gt", "groundtruth", "truth")


def list_manifest(cohort: CohortConfig) -> Listing:
    """One entry for each row of `cohort.path`; raises CohortError for a table with wrong columns."""
    path = cohort.path or Path()
    table = read_table(path)
    columns = _subject_by_patient(recognise(table, (*_REQUIRED, *_OPTIONAL), path.name, cohort.sequences), path)
    mistakes = [
        *columns.mistakes,
        *missing(table, columns, _REQUIRED),
        *_no_modality(table, columns, cohort),
        *_no_reference(table, columns, cohort.target),
    ]
    if mistakes:
        raise CohortError([Problem("cohort.path", path, what, remedy) for what, remedy in mistakes])
    entries = tuple(_entry(path, row, columns) for row in table.rows)
    return Listing(entries, (*columns.remarks, *_not_used(table, columns, path.name)))


def _subject_by_patient(columns: Columns, path: Path) -> Columns:
    """The columns; without one for subjects, the patients' serves for both."""
    column = columns.of.get("patient")
    if "subject" in columns.of or column is None or any("'subject'" in what for what, _ in columns.mistakes):
        return columns
    what = f"column '{column}' names the subjects, too: one examination of each patient"
    remark = Remark(path.name, what, "if there are more, give the table a column 'subject'")
    of = {**columns.of, "subject": column}
    return Columns(of, columns.unknown, columns.mistakes, (*columns.remarks, remark))


def _no_modality(table: Table, columns: Columns, cohort: CohortConfig) -> Iterator[Mistake]:
    if set(cohort.sequences) & set(columns.of):
        return
    near = {name: nearest(name, columns.unknown) for name in cohort.modalities}
    hints = [f"call '{column}' {name}, if it is that" for name, column in near.items() if column]
    what = f"no column for any of cohort.modalities ({', '.join(cohort.modalities)})"
    remedy = ", ".join([*hints, "add one"]) + ", or set cohort.modalities to columns of the manifest"
    yield f"{what}; there are {', '.join(table.columns)}", remedy


def _no_reference(table: Table, columns: Columns, target: str) -> Iterator[Mistake]:
    """A mask under a name that may mean the reference, where there is none; it may as well outline the brain."""
    if target in columns.of or any(f"'{target}'" in what for what, _ in columns.mistakes):
        return
    for column in _with_scans(table, columns.unknown):
        words = folded(column)
        if words in _REFERENCE or target in words:
            what = f"no column '{target}', which has the reference (cohort.target), but '{column}'"
            yield what, f"call it {target}, if it is that, or brain mask"


def _not_used(table: Table, columns: Columns, about: str) -> Iterator[Remark]:
    scans = _with_scans(table, columns.unknown)
    yield from not_used([column for column in columns.unknown if column not in scans], about)
    yield from not_used(scans, about, ", though they hold scans", "what the network shall see is in cohort.modalities")


def _with_scans(table: Table, columns: tuple[str, ...]) -> list[str]:
    """The columns in which any cell is the name of a NIfTI file."""
    return [column for column in columns if any(_is_scan(row.cells[column]) for row in table.rows)]


def _is_scan(cell: str) -> bool:
    return cell.lower().endswith(NIFTI_ENDINGS)


def _entry(path: Path, row: TableRow, columns: Columns) -> Entry:
    who = {name: row.cells[column] for name, column in columns.of.items() if name in _WHO}
    files = {
        **{name: row.cells[column] for name, column in columns.of.items() if has_file(row.cells[column])},
        **{column: row.cells[column] for column in columns.unknown if _is_scan(row.cells[column])},
    }
    found = {name: path.parent / cell for name, cell in files.items() if name not in _WHO}
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


def _faulty_names(path: Path, row: TableRow, who: Mapping[str, str], subject: str) -> Iterator[Problem]:
    for name in ("subject", "center"):
        if not who[name]:
            yield Problem(subject, path, f"{row.where} has no {name}", "fill the cell, or delete the row")
    for name in ("subject", "center", "patient"):
        if fault := fault_of_name(who.get(name, "")):
            what, _, remedy = fault.partition("; ")
            yield Problem(subject, path, f"{row.where}: the {name} is {what}", remedy)
