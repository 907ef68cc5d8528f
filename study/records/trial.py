"""The folder of a trial, with one attribute per file."""

from __future__ import annotations

import shutil
from functools import cached_property
from typing import TYPE_CHECKING, Any

from study.records import losses
from study.records.files import RecordFile, refuse_link
from study.records.results import Replicate, TrialResult
from study.records.training import TrainingFiles
from study.records.weights import WeightsFile

if TYPE_CHECKING:
    from study.records.examples import ExamplesFile
    from study.records.fits import Fits
    from study.records.folders import StudyFolder
    from study.records.kept import KeptFolder
    from study.records.overlays import OverlaysFile
    from study.records.rows import RowsFile


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
        from study.records.kept import KeptFolder

        return KeptFolder(self.path / "probabilities")

    @cached_property
    def fits(self) -> Fits:
        """Its post-processing."""
        from study.records.fits import Fits

        return Fits(self.path)

    @cached_property
    def rows(self) -> RowsFile:
        """Its test results."""
        return self._rows("rows", losses.ROWS)

    @cached_property
    def overlays(self) -> OverlaysFile:
        """Its pictures."""
        from study.records.overlays import OverlaysFile

        return OverlaysFile(self.path / "overlays.npz", losses.OVERLAYS)

    @cached_property
    def examples(self) -> ExamplesFile:
        """The test subjects to look at."""
        from study.records.examples import ExamplesFile

        return ExamplesFile(self.path / "examples.npz", losses.EXAMPLES)

    def searched(self) -> dict[str, Any]:
        """The values that the search chose, by dotted path; empty before it has chosen."""
        return self.parameters.read_if_there() or {}

    def evaluation(self, name: str) -> RowsFile:
        """The rows of a later evaluation (study.evaluate)."""
        return self._rows(f"evaluation-{name}", losses.EVALUATION)

    def _rows(self, name: str, loss: str) -> RowsFile:
        from study.records.rows import RowsFile

        return RowsFile(self.path / f"{name}.parquet", loss)

    def forget_kept(self) -> None:
        """Remove kept probabilities of an earlier judgement; raises StudyError if their folder is a link."""
        refuse_link(self.kept.path)
        shutil.rmtree(self.kept.path, ignore_errors=True)
