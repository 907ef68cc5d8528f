"""Reader for BIDS-like folders, the layout in which phantoms are written.

::

    <root>/participants.tsv      participant_id and center; optionally patient_id if it differs, occlusion (proximal
                                 or distal), control (yes or no: scans after treatment)
    <root>/sub-X/[ses-Y/]<folder>/…_<MODALITY>.nii.gz
    <root>/derivatives/[<pipeline>/]sub-X/[ses-Y/][<folder>/]…_{lesion,thrombus,brain}_mask.nii.gz

A row holds for all sessions of its participant: a control scan is a participant of its own, with the same patient_id.
"""

from __future__ import annotations

import re
from pathlib import Path

from study.cohort.aliases import used_names
from study.cohort.facts import read_facts
from study.cohort.filenames import folders_named, images_by_suffix, nifti_files, single_files, stem
from study.cohort.records import MASKS, Entry
from study.cohort.table import NOT_GIVEN, Row, Table, read_table
from study.config import Config
from study.errors import CohortError, Problem

_MASK = re.compile(r"(?:^|[_-])(lesion|thrombus|brain)_mask$")


def list_bids(config: Config) -> list[Entry]:
    """Every session of every participant; raises CohortError without a readable participants.tsv."""
    root = config.cohort.bids.root or Path()
    path = root / "participants.tsv"
    table = read_table(path)
    _check_columns(table, path)
    derivatives = root / "derivatives"
    pipelines = [derivatives, *(each for each in _visible(derivatives) if not each.name.startswith("sub-"))]
    entries = []
    for row in table.rows:
        entries += _participant(config, root, pipelines, path, row)
    listed = {row.cells["participant_id"] for row in table.rows}
    for folder in folders_named(root, "sub-"):
        if folder.name not in listed:
            problem = Problem(
                folder.name, path, "has a folder but no row", "add the row, or move the folder away"
            )
            entries.append(Entry(folder.name, folder.name, "", {}, {}, (problem,)))
    return entries


def _check_columns(table: Table, path: Path) -> None:
    missing = [column for column in ("participant_id", "center") if column not in table.columns]
    if missing:
        what = f"no column {' nor '.join(missing)}; there are {', '.join(table.columns)}"
        remedy = "add it: participant_id as the folders are named (sub-01), center as the site is called"
        raise CohortError([Problem("cohort.bids.root", path, what, remedy)])


def _participant(config: Config, root: Path, pipelines: list[Path], table: Path, row: Row) -> list[Entry]:
    participant, center = row.cells["participant_id"], row.cells["center"]
    patient = row.cells.get("patient_id", "")
    patient = participant if patient in NOT_GIVEN else patient
    folder = root / participant
    problems = []
    if participant in NOT_GIVEN:
        what = f"no participant_id in {row.where}"
        problems.append(Problem(participant or row.where, table, what, "give it, or delete the row"))
    elif folder.name != participant or not folder.is_dir():
        problems.append(
            Problem(participant, folder, "the folder is missing", "restore it, or delete its row")
        )
    if center in NOT_GIVEN:
        problems.append(Problem(participant or row.where, table, f"no center in {row.where}", "give it"))
    if problems:
        return [Entry(participant or row.where, patient, center, {}, {}, tuple(problems))]
    facts = read_facts(row.cells, participant, table, row.where)
    sessions = folders_named(folder, "ses-")
    entries = []
    for session in sessions or [folder]:
        identity = f"{participant}_{session.name}" if len(sessions) > 1 else participant
        found = images_by_suffix(nifti_files(session, *_visible(session)), config.cohort.sequences)
        images, slips = single_files(identity, found, used_names(found, config.cohort))
        masks, mask_slips = single_files(identity, _masks(session.relative_to(root), pipelines), MASKS)
        problems = [*facts.problems, *slips, *mask_slips]
        entries.append(
            Entry(identity, patient, center, images, masks, tuple(problems), facts.occlusion, facts.control)
        )
    return entries


def _masks(session: Path, pipelines: list[Path]) -> dict[str, list[Path]]:
    """The masks of a session (its path below the root) in the folders of all pipelines."""
    found: dict[str, list[Path]] = {}
    for pipeline in pipelines:
        folder = pipeline / session
        for path in nifti_files(folder, *_visible(folder)):
            if match := _MASK.search(stem(path)):
                found.setdefault(match[1], []).append(path)
    return found


def _visible(folder: Path) -> list[Path]:
    return [path for path in folders_named(folder, "") if not path.name.startswith((".", "ses-"))]
