"""A trial that runs, followed through its files in the study's folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from study.config import Config, Objective
from study.records.pace import epoch_seconds
from study.records.training import EpochsFile
from study.records.trial import TrialFolder
from study.training.epoch import Epoch
from study.training.rungs import study_rungs

FEWEST = 20  # epochs that a pace is measured on, where there are as many


@dataclass(frozen=True)
class TrainingSettings:
    """What is to be known of a study to say how far its trainings are.

    Attributes:
        epochs: of a training.
        pretraining: epochs of the first of two trainings; 0 where there is one.
        rungs: epochs at which trials are compared.
        window: the number of last epochs to look at; a validated one is among them.
        objective: what trials are compared by.
    """

    epochs: int
    pretraining: int
    rungs: tuple[int, ...]
    window: int
    objective: Objective

    @classmethod
    def of(cls, config: Config) -> TrainingSettings:
        """The settings of a study."""
        trainer = config.trainer
        return cls(
            trainer.epochs,
            config.pretraining_epochs,
            study_rungs(trainer, config.tuning) if config.tuning.scheduler != "none" else (),
            max(FEWEST, 2 * trainer.validate_every + 1),
            config.objective,
        )


class FollowedTrial:
    """A trial that has begun and not ended; its files are read when they have changed.

    Attributes:
        folder: of the trial.
        epochs: the last epochs of its training.
        before: the last epochs of the training before, if there are two.
        heard_ms: when its last epoch arrived, in milliseconds since 1970; None before the first.
    """

    def __init__(self, folder: TrialFolder, settings: TrainingSettings) -> None:
        self.folder = folder
        self.epochs: list[Epoch] = []
        self.before: list[Epoch] = []
        self.heard_ms: int | None = None
        self._settings = settings
        self._handed_out_ms = -1
        self._searched: dict[str, Any] | None = None

    def runs_since(self, since_ms: int) -> bool:
        """Whether it was handed out after this time: its values are written anew then."""
        if self._handed_out_ms < since_ms:
            self._handed_out_ms = self.folder.parameters.written_ms or -1
        return self._handed_out_ms >= since_ms

    def look(self) -> None:
        """Read what has changed."""
        if (new := self._news(self.folder.training.epochs)) is not None:
            self.epochs = new
        if not self.epochs and (new := self._news(self.folder.pretraining.epochs)) is not None:
            self.before = new

    @property
    def total(self) -> int:
        """The epochs of its training, unless it is stopped."""
        if self._searched is None:
            self._searched = self.folder.searched()
        return int(self._searched.get("trainer.epochs", self._settings.epochs))

    @property
    def epoch(self) -> int:
        """The number of its finished epochs."""
        return self.epochs[-1].epoch if self.epochs else 0

    @property
    def pretrained(self) -> int:
        """The number of its finished epochs of the training before."""
        if self.epochs:
            return self._settings.pretraining
        return self.before[-1].epoch if self.before else 0

    @property
    def stage(self) -> Literal["starting", "pretraining", "training", "judging"]:
        """What it is doing."""
        if self.epochs:
            return "judging" if self.epoch >= self.total else "training"
        return "pretraining" if self.before else "starting"

    @property
    def epoch_s(self) -> float | None:
        """Seconds of an epoch; None before the first."""
        return epoch_seconds(self.epochs or self.before)

    @property
    def objective(self) -> float | None:
        """At the last validation; None where there is none, or it is not a number."""
        found = [epoch.objective for epoch in self.epochs if epoch.validation is not None]
        return found[-1] if found and math.isfinite(found[-1]) else None

    def _news(self, file: EpochsFile) -> list[Epoch] | None:
        """The last epochs of a file that has changed; None if it has not."""
        written_ms = file.written_ms
        if written_ms is None or written_ms <= (self.heard_ms or 0):
            return None
        self.heard_ms = written_ms
        return file.read(self._settings.window)
