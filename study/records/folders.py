"""The folders of a study and of a trial, with one attribute per file."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from study.config import Config
from study.errors import StudyError
from study.machine.files import remove_leftovers
from study.machine.mirror import local_root, mirrored
from study.records import losses
from study.records.examples import ExamplesFile
from study.records.files import BytesFile, RecordFile, refuse_link
from study.records.fits import Fits
from study.records.kept import KeptFolder
from study.records.locks import held
from study.records.overlays import OverlaysFile
from study.records.prepared import PreparedStudy
from study.records.results import Replicate, TrialResult
from study.records.rows import RowsFile
from study.records.subjects import SubjectsFile
from study.records.summary import Summary
from study.records.tracking import FinishedFile, TrackingHistory
from study.records.training import TrainingFiles
from study.records.weights import StartFiles, WeightsFile

TRIAL = re.compile(r"[0-9]{4}|[1-9][0-9]{4,8}")  # the name of a trial's folder


class ConfigFile(RecordFile[Config]):
    """The configuration of a study; `study.root` is the folder's present location, wherever it was prepared."""

    def _validated(self, content: Any) -> Config:
        if isinstance(content, dict) and isinstance(
            content.get("study"), dict
        ):  # else the validation complains
            content["study"]["root"] = str(self.path.parent.parent)
        return super()._validated(content)


class StudyFolder:
    """One study on disk.

    Attributes:
        path: the folder.
        trials_in: name of the folder of its trials.
        database: of the search; Optuna opens it.
        scratch: folder of a running search; removed at its end.
    """

    def __init__(self, root: Path, name: str, trials: str = "trials") -> None:
        self.path = root / name
        self.trials_in = trials
        self.config = ConfigFile(self.path / "config.json", Config, losses.CONFIG, private=True)
        self.prepared: RecordFile[PreparedStudy] = RecordFile(
            self.path / "prepared.json", PreparedStudy, losses.PREPARED
        )
        self.subjects = SubjectsFile(self.path / "subjects.csv", losses.SUBJECTS)
        self.start = StartFiles(self.path)
        self.summary: RecordFile[Summary] = RecordFile(self.path / "summary.json", Summary, losses.SUMMARY)
        self.tracking: RecordFile[TrackingHistory] = RecordFile(
            self.path / "tracking.json", TrackingHistory, losses.TRACKING
        )
        self.report = BytesFile(self.path / "report.html", losses.REPORT)
        self.finished = FinishedFile(self.path / "finished.jsonl", losses.FINISHED)
        self.database = self.path / "optuna.db"
        self.scratch = self.path / ".tune"

    @classmethod
    def find(cls, root: Path, name: str) -> StudyFolder:
        """The folder of an existing study; raises StudyError, listing existing studies, if there is none."""
        folder = cls(root, name)
        if not folder.config.exists:
            there = sorted(path.parent.name for path in root.glob("*/config.json"))
            raise StudyError(
                f"study.name: no study '{name}' in {root.absolute()}; "
                f"there: {', '.join(there) or 'none'}; give study.name=… and study.root=…"
            )
        folder.refuse_links()
        return folder

    @classmethod
    @contextmanager
    def opened(cls, root: str, name: str) -> Iterator[StudyFolder]:
        """The folder of an existing study for a command; one in an object store is brought here, and sent back.

        Args:
            root: folder, or address in an object store.
            name: of the study.
        """
        place = local_root(root)
        with mirrored(place, name):
            yield cls.find(place, name)

    def refuse_links(self) -> None:
        """Raise StudyError if something in the folder is a link: a stranger's study could lead anywhere by one.

        This covers files that others open (databases, Ray's own). The files of trials are checked when they are used.
        """
        if self.path.is_dir():
            for path in (*self.path.iterdir(), *self.scratch.rglob("*")):
                refuse_link(path)

    @property
    def replicates(self) -> StudyFolder:
        """The study with its replicates in the place of its trials: they have numbers of their own."""
        return StudyFolder(self.path.parent, self.path.name, "replicates")

    @property
    def is_replicated(self) -> bool:
        """Whether trials of the study have been trained again with other seeds, or are about to be."""
        return (self.path / "replicates").is_dir()

    def trial(self, number: int) -> TrialFolder:
        """The folder of a trial; raises StudyError if it is a link."""
        folder = TrialFolder(self, number)
        refuse_link(folder.path.parent)
        refuse_link(folder.path)
        return folder

    def trials(self) -> list[TrialFolder]:
        """The folders of all trials that have begun, by number."""
        place = self.path / self.trials_in
        refuse_link(place)
        found = [path for path in place.glob("[0-9]*") if TRIAL.fullmatch(path.name)]
        for path in found:
            refuse_link(path)
        return [TrialFolder(self, number) for number in sorted(int(path.name) for path in found)]

    def trial_config(self, trial: TrialFolder) -> Config:
        """The configuration that a trial ran with."""
        return self.config.read().with_values(trial.searched()).narrowed()

    def remove_leftovers(self) -> None:
        """Remove what killed processes were writing."""
        trials = [f"{part}/{place}.*.tmp" for part in ("trials", "replicates") for place in ("*/", "*/*/")]
        remove_leftovers(self.path, ".*.tmp", *trials)

    def driven(self) -> AbstractContextManager[None]:
        """Drive the study; raises StudyError if another process does, since both would run the same trials."""
        return held(
            self.path / ".lock",
            f"study.name: another process runs '{self.path.name}' in {self.path.parent.absolute()}; "
            "wait for it, or choose another study.name",
        )

    def tracked(self) -> AbstractContextManager[None]:
        """Send the study to its tracking store; raises StudyError if another process does."""
        return held(
            self.path / "tracking.lock",
            f"{self.path}: another process is sending this study to MLflow; wait until it has finished",
        )


class TrialFolder:
    """One trial on disk; a study may have ten thousand, so what is seldom used is made on first use.

    Attributes:
        study: that the trial belongs to.
        number: of the trial, in the study and in the database.
        path: the folder.
    """

    def __init__(self, study: StudyFolder, number: int) -> None:
        self.study = study
        self.number = number
        self.path = path = study.path / study.trials_in / f"{number:04d}"
        self.parameters: RecordFile[dict[str, Any]] = RecordFile(
            path / "parameters.json", dict[str, Any], losses.PARAMETERS
        )
        self.result: RecordFile[TrialResult] = RecordFile(path / "result.json", TrialResult, losses.RESULT)

    @cached_property
    def replicate(self) -> RecordFile[Replicate]:
        """Of a replicate: what it repeats."""
        return RecordFile(self.path / "replicate.json", Replicate, losses.REPLICATE)

    @cached_property
    def training(self) -> TrainingFiles:
        """Its checkpoint and epochs."""
        return TrainingFiles(self.path / "checkpoint.pt", self.path / "epochs.jsonl")

    @cached_property
    def pretraining(self) -> TrainingFiles:
        """The same for the first of two trainings."""
        return TrainingFiles(self.path / "pretraining.pt", self.path / "pretraining.jsonl")

    @cached_property
    def weights(self) -> WeightsFile:
        """The trained network."""
        return WeightsFile(self.path / "weights.safetensors", losses.WEIGHTS)

    @cached_property
    def kept(self) -> KeptFolder:
        """Its validation probabilities."""
        return KeptFolder(self.path / "probabilities")

    @cached_property
    def fits(self) -> Fits:
        """Its post-processing."""
        return Fits(self.path)

    @cached_property
    def rows(self) -> RowsFile:
        """Its test results."""
        return RowsFile(self.path / "rows.parquet", losses.ROWS)

    @cached_property
    def overlays(self) -> OverlaysFile:
        """Its pictures."""
        return OverlaysFile(self.path / "overlays.npz", losses.OVERLAYS)

    @cached_property
    def examples(self) -> ExamplesFile:
        """The test subjects to look at."""
        return ExamplesFile(self.path / "examples.npz", losses.EXAMPLES)

    def searched(self) -> dict[str, Any]:
        """The values that the search chose, by dotted path; empty before it has chosen."""
        return self.parameters.read_if_there() or {}

    def evaluation(self, name: str) -> RowsFile:
        """The rows of a later evaluation (study.evaluate)."""
        return RowsFile(self.path / f"evaluation-{name}.parquet", losses.EVALUATION)

    def forget_kept(self) -> None:
        """Remove kept probabilities of an earlier judgement; raises StudyError if their folder is a link."""
        refuse_link(self.kept.path)
        shutil.rmtree(self.kept.path, ignore_errors=True)
