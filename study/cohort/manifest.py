"""Reader for a manifest: anybody's files, listed in a CSV or JSON table.

Columns `subject` and `center`; optionally `patient` (all scans of one fall into the same split), `occlusion`
(proximal or distal), `control` (yes or no: a scan after treatment), `lesion`, `thrombus` and `brain mask`; every
other column is a modality. Cells of masks and modalities are NIfTI files, relative to where the manifest lies; an
empty cell is what is absent or not known.
"""

from __future__ import annotations

from pathlib import Path

from study.cohort.facts import FACTS, read_facts
from study.cohort.filenames import NIFTI_ENDINGS, modality_named
from study.cohort.records import MASKS, Entry
from study.cohort.table import Row, Table, read_table
from study.config import Config
from study.errors import CohortError, Problem

_WHO = ("subject", "patient", "center", *FACTS)


def list_manifest(config: Config) -> list[Entry]:
    """One entry a row of `cohort.path`; raises CohortError for a table that cannot be one."""
    path = config.cohort.path or Path()
    table = read_table(path)
    names = {column: _meaning(column, config.cohort.sequences) for column in table.columns}
    problems = _column_problems(path, table, names, config)
    if problems:
        raise CohortError(problems)
    return [_entry(path, row, names) for row in table.rows]


def _meaning(column: str, sequences: tuple[str, ...]) -> str:
    """One of `_WHO`, a mask's name, or a modality."""
    plain = "_".join(column.casefold().split())
    if plain in _WHO or plain in MASKS:
        return plain
    if plain.removesuffix("_mask") in MASKS:
        return plain.removesuffix("_mask")
    return modality_named(column, sequences)


def _column_problems(path: Path, table: Table, names: dict[str, str], config: Config) -> list[Problem]:
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
    sequences = config.cohort.sequences
    if not set(sequences) & set(meanings):
        what = f"no column for any of cohort.modalities ({', '.join(config.cohort.modalities)}); there are {there}"
        found.append((what, "add one, or set cohort.modalities to columns of the manifest"))
    for column, name in names.items():
        if name in _WHO or name in MASKS or name in sequences:
            continue
        strange = [row.cells[column] for row in table.rows if _is_strange(row.cells[column])]
        if strange:
            what = f"column '{column}' is no modality ('{strange[0]}' is no NIfTI file), nor one of "
            what += f"{', '.join(_WHO)}, lesion, thrombus, brain mask"
            found.append((what, "delete the column, or correct its name or its files"))
    return [Problem("cohort.path", path, what, remedy) for what, remedy in found]


def _is_strange(cell: str) -> bool:
    return bool(cell) and not cell.lower().endswith(NIFTI_ENDINGS)


def _entry(path: Path, row: Row, names: dict[str, str]) -> Entry:
    who = {name: row.cells[column] for column, name in names.items() if name in _WHO}
    files = {
        name: path.parent / row.cells[column]
        for column, name in names.items()
        if name not in _WHO and row.cells[column]
    }
    subject = who["subject"] or row.where
    facts = read_facts(who, subject, path, row.where)
    problems = facts.problems + tuple(
        Problem(subject, path, f"{row.where} has no {needed}", "fill the cell, or delete the row")
        for needed in ("subject", "center")
        if not who[needed]
    )
    images = {name: file for name, file in files.items() if name not in MASKS}
    masks = {name: file for name, file in files.items() if name in MASKS}
    patient = who.get("patient") or subject
    return Entry(subject, patient, who["center"], images, masks, problems, facts.occlusion, facts.control)
