"""Reader for BIDS-like folders, the layout in which phantoms are written.

::

    <root>/participants.tsv      participant_id and center; optionally patient_id if it differs, occlusion (proximal
                                 or distal), control (yes or no: scans after treatment)
    <root>/sub-X/[ses-Y/]<folder>/…_<MODALITY>.nii.gz
    <root>/derivatives/[<pipeline>/]sub-X/[ses-Y/][<folder>/]…_{lesion,thrombus,brain}_mask.nii.gz

A row applies to all sessions of its participant: a control scan is a participant of its own, with the same patient_id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from study.cohort.aliases import used_names
from study.cohort.clinical import CLINICAL_COLUMNS, read_clinical
from study.cohort.columns import CENTER, PATIENT, SUBJECT_HINTS, Role, not_used, recognise
from study.cohort.filenames import folders_named, images_by_suffix, nifti_files, single_files, stem
from study.cohort.records import MASKS, Entry, Listing
from study.cohort.table import NOT_GIVEN, TableRow, read_table
from study.config import CohortConfig
from study.errors import CohortError, Problem

_ROLES = (
    Role("participant_id", ("subject", *SUBJECT_HINTS), required=True),
    CENTER,
    Role("patient_id", ("patient", *PATIENT.hints)),
    *map(Role, CLINICAL_COLUMNS),
)
_MASK = re.compile(r"(?:^|[_-])(lesion|thrombus|brain)_mask$")


def list_bids(cohort: CohortConfig) -> Listing:
    """Every session of every participant; raises CohortError without a readable participants.tsv."""
    dataset = _Dataset.at(cohort.bids.root or Path())
    table = read_table(dataset.table)
    columns = recognise(table, _ROLES)
    if columns.mistakes:
        raise CohortError(
            [Problem("cohort.bids.root", dataset.table, *mistake) for mistake in columns.mistakes]
        )
    rows = [TableRow(row.where, columns.cells(row)) for row in table.rows]
    entries = [entry for row in rows for entry in _participant(cohort, dataset, row)]
    listed = {row.cells["participant_id"] for row in rows}
    for folder in folders_named(dataset.root, "sub-"):
        if folder.name not in listed:
            remedy = "add the row, or move the folder away"
            problem = Problem(folder.name, dataset.table, "has a folder but no row", remedy)
            entries.append(Entry(folder.name, folder.name, "", {}, {}, (problem,)))
    return Listing(tuple(entries), tuple(not_used(columns.unknown, dataset.table.name)))


@dataclass(frozen=True)
class _Dataset:
    """A data set's folders: its root, and those in `derivatives` that hold subjects."""

    root: Path
    pipelines: tuple[Path, ...]

    @classmethod
    def at(cls, root: Path) -> _Dataset:
        derivatives = root / "derivatives"
        inner = (each for each in _visible(derivatives) if not each.name.startswith("sub-"))
        return cls(root, (derivatives, *inner))

    @property
    def table(self) -> Path:
        return self.root / "participants.tsv"

    def masks(self, session: Path) -> dict[str, list[Path]]:
        """The masks of a session (its path below the root) in the folders of all pipelines."""
        found: dict[str, list[Path]] = {}
        for pipeline in self.pipelines:
            folder = pipeline / session
            for path in nifti_files(folder, *_visible(folder)):
                if match := _MASK.search(stem(path)):
                    found.setdefault(match[1], []).append(path)
        return found


def _participant(cohort: CohortConfig, dataset: _Dataset, row: TableRow) -> list[Entry]:
    """One entry a session, or a single one with the problems of the row."""
    participant, center = row.cells["participant_id"], row.cells["center"]
    patient = row.cells.get("patient_id", "")
    patient = participant if patient in NOT_GIVEN else patient
    if problems := _row_problems(dataset, row):
        return [Entry(participant or row.where, patient, center, {}, {}, problems)]
    clinical = read_clinical(row.cells, participant, dataset.table, row.where)
    sessions = folders_named(dataset.root / participant, "ses-")
    entries = []
    for session in sessions or [dataset.root / participant]:
        identity = f"{participant}_{session.name}" if len(sessions) > 1 else participant
        found = images_by_suffix(nifti_files(session, *_visible(session)), cohort.sequences)
        images, image_problems = single_files(identity, found, used_names(found, cohort))
        masks, mask_problems = single_files(identity, dataset.masks(session.relative_to(dataset.root)), MASKS)
        problems = (*clinical.problems, *image_problems, *mask_problems)
        entries.append(
            Entry(identity, patient, center, images, masks, problems, clinical.occlusion, clinical.control)
        )
    return entries


def _row_problems(dataset: _Dataset, row: TableRow) -> tuple[Problem, ...]:
    """Why the row names no participant whose files can be listed."""
    participant = row.cells["participant_id"]
    folder, problems = dataset.root / participant, []
    name = participant or row.where
    if participant in NOT_GIVEN:
        what = f"no participant_id in {row.where}"
        problems.append(Problem(name, dataset.table, what, "give it, or delete the row"))
    elif folder.name != participant or participant == ".." or not folder.is_dir():
        remedy = "restore it, or delete its row"
        problems.append(Problem(participant, folder, "the folder is missing", remedy))
    if row.cells["center"] in NOT_GIVEN:
        problems.append(Problem(name, dataset.table, f"no center in {row.where}", "give it"))
    return tuple(problems)


def _visible(folder: Path) -> list[Path]:
    return [path for path in folders_named(folder, "") if not path.name.startswith((".", "ses-"))]
