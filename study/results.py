"""Results on disk: a study's folder, its rows, and how both are written so that a kill leaves no half file.

::

    <study.root>/<study.name>/
      config.json              the resolved configuration
      splits.json              subject keys by use
      subjects.csv             key, id, patient, center: private, never tracked nor exported
      plan.json                spacing and median shape of the training subjects, which networks are planned from
      start.json  start.safetensors   weights that trials start from (transfer.source)
      optuna.db  mlflow.db     the search, the tracking
      trials/0003/
        parameters.json        what was searched, by dotted path
        epochs.jsonl           one line an epoch
        pretraining.pt  pretraining.jsonl   the first of two trainings (model.unified.pretraining_epochs)
        checkpoint.pt          last epoch: model, optimiser, random states
        weights.safetensors    the network, when finished
        probabilities/         kept validation probabilities
        postprocessing.json    what its search found, with curves
        rows.parquet           one row per subject and availability subset
        result.json            state, value, post-processing
      summary.json             the winner and its table
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from study.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Row:
    """How well one trial did on one subject with one availability subset."""

    trial: int
    split: Literal["validation", "test", "control"]  # control scans, that are tested apart
    center: str
    seen: bool
    subject: str  # key
    subset: str  # modalities present, "DWI+ADC", in cohort order
    removed: str  # "" with all the subject has; else the droppable modalities taken away, "B0"
    dice: float
    detected: float  # 1 or 0; nan where the reference is empty
    lesion_f1: float
    count_difference: int
    volume_difference_ml: float
    hd95_mm: float
    reference_volume_ml: float
    predicted_volume_ml: float
    occlusion: str  # proximal, distal, or "" where that is not known
    substituted: str  # which sequence stood in for which of the modalities given, "SWAN=SWI"; "" for none
    false_positives: int  # predicted components without a voxel in the reference
    false_positive_voxels: float  # their mean size; 0 where there is none
    false_positive_ml: float
    false_negatives: int  # components of the reference without a predicted voxel
    false_negative_voxels: float
    false_negative_ml: float


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is moved there, on failure it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON in one move."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, default=str) + "\n")


def read_json(path: Path) -> Any:
    """Read JSON."""
    return json.loads(path.read_text())


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write rows as Parquet in one move; an empty list gives an empty table with all columns."""
    import pandas as pd

    table = pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(Row)])
    with atomic(path) as temporary:
        table.to_parquet(temporary, index=False)


def read_rows(*paths: Path) -> pd.DataFrame:
    """The rows of some files as one table with the columns of `Row`."""
    import pandas as pd

    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)


class StudyFolder:
    """The paths of one study."""

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / name
        self.config = self.path / "config.json"
        self.splits = self.path / "splits.json"
        self.subjects = self.path / "subjects.csv"
        self.plan = self.path / "plan.json"
        self.start = self.path / "start.json"
        self.start_weights = self.path / "start.safetensors"
        self.summary = self.path / "summary.json"

    @classmethod
    def find(cls, root: Path, name: str) -> StudyFolder:
        """The folder of an existing study; raises StudyError that lists what is there."""
        folder = cls(root, name)
        if not folder.config.is_file():
            there = sorted(path.parent.name for path in root.glob("*/config.json"))
            raise StudyError(
                f"study.name: no study '{name}' in {root.absolute()}; "
                f"there: {', '.join(there) or 'none'}; give study.name=… and study.root=…"
            )
        return folder

    def trial(self, number: int) -> TrialFolder:
        """The folder of a trial."""
        return TrialFolder(self.path / "trials" / f"{number:04d}", number)

    def trials(self) -> list[TrialFolder]:
        """The folders of all trials that have begun, by number."""
        found = sorted((self.path / "trials").glob("[0-9]*"))
        return [TrialFolder(path, int(path.name)) for path in found]


class TrialFolder:
    """The paths of one trial."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number
        self.parameters = path / "parameters.json"
        self.epochs = path / "epochs.jsonl"
        self.pretraining = path / "pretraining.pt"
        self.pretraining_epochs = path / "pretraining.jsonl"
        self.checkpoint = path / "checkpoint.pt"
        self.weights = path / "weights.safetensors"
        self.probabilities = path / "probabilities"
        self.postprocessing = path / "postprocessing.json"
        self.rows = path / "rows.parquet"
        self.result = path / "result.json"
        self.stop = path / "stop"  # there: the scheduler asks the training to end after this epoch

    def read_result(self) -> Mapping[str, Any] | None:
        """What the trial ended with, None while it has not ended."""
        return read_json(self.result) if self.result.is_file() else None

    def read_epochs(self) -> list[dict[str, Any]]:
        """The epochs so far, oldest first."""
        if not self.epochs.is_file():
            return []
        return [json.loads(line) for line in self.epochs.read_text().splitlines()]


def complete_trial(folder: StudyFolder, number: int) -> TrialFolder:
    """The folder of a trial that has ended and has weights.

    Raises:
        StudyError: it is not complete; lists those that are.
    """
    there = complete_trials(folder)
    found = [trial for trial in there if trial.number == number]
    if not found or not found[0].weights.is_file():
        listed = ", ".join(str(trial.number) for trial in there) or "none"
        raise StudyError(f"trial: {number} is not complete; complete are {listed}")
    return found[0]


def complete_trials(folder: StudyFolder) -> list[TrialFolder]:
    """The folders of all complete trials, by number."""
    return [trial for trial in folder.trials() if (trial.read_result() or {}).get("state") == "complete"]


def find_winner(folder: StudyFolder) -> TrialFolder:
    """The complete trial with the highest objective; ties go to the lower number.

    Raises:
        StudyError: no trial is complete.
    """
    return _by_rank(folder)[0]


def find_winners(folder: StudyFolder) -> dict[str, TrialFolder]:
    """The best complete trial for each `model.inputs` (independent models); under "" the winner of any other study.

    Raises:
        StudyError: no trial is complete.
    """
    return {str(inputs or ""): trial for (inputs,), trial in best_trials(folder, ["model.inputs"]).items()}


def best_trials(folder: StudyFolder, paths: Sequence[str]) -> dict[tuple[Any, ...], TrialFolder]:
    """The best complete trial for each combination of values of searched settings, the best of all first.

    Args:
        folder: of the study.
        paths: the settings' dotted paths; what a trial did not search has the value None.

    Raises:
        StudyError: no trial is complete.
    """
    best: dict[tuple[Any, ...], TrialFolder] = {}
    for trial in _by_rank(folder):
        searched = read_json(trial.parameters) if trial.parameters.is_file() else {}
        values = (searched.get(path) for path in paths)
        best.setdefault(tuple(tuple(v) if isinstance(v, list) else v for v in values), trial)
    return best


def winning_rows(folder: StudyFolder) -> pd.DataFrame:
    """The rows of `find_winners` as those of one trial, the winner: independent models count as one method.

    Raises:
        StudyError: no trial is complete.
    """
    rows = read_rows(*(trial.rows for trial in find_winners(folder).values()))
    return rows.assign(trial=find_winner(folder).number)


def _by_rank(folder: StudyFolder) -> list[TrialFolder]:
    """The complete trials, best first."""
    ended = [(trial, trial.read_result()) for trial in folder.trials()]
    complete = [
        (-float(result["value"]), trial.number, trial)
        for trial, result in ended
        if result is not None and result["state"] == "complete" and math.isfinite(result["value"])
    ]
    if not complete:
        raise StudyError(f"{folder.path}: no trial is complete yet; go on with resume=true")
    return [trial for _, _, trial in sorted(complete, key=lambda entry: entry[:2])]
