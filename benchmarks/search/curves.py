"""The file of recorded learning curves: what was trained how, and how good each training was at each validation."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from study.config import Objective
from study.evaluation.averages import weighted_mean

__all__ = ["Curve", "Recording", "Scores"]

Scores = tuple[float, float, float]  # Dice with all modalities, with some removed, and of the worst center


class Curve(BaseModel):
    """One training.

    Attributes:
        values: its settings by dotted path, the schedule's clock among them.
        scores: at each validated epoch; empty if the training failed.
        final: after post-processing; None if the training failed.
        seconds: that it took on one core, judging included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    values: dict[str, Any]
    scores: tuple[Scores, ...]
    final: Scores | None
    seconds: float


class Recording(BaseModel):
    """Many trainings.

    Attributes:
        settings: arguments of the study that they are trials of.
        epochs: that were validated.
        curves: of the trainings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    settings: tuple[str, ...]
    epochs: tuple[int, ...]
    curves: tuple[Curve, ...]

    def objectives(self, objective: Objective) -> NDArray[np.float64]:
        """The objective [curves, epochs + 1] at each validated epoch and after post-processing.

        A training that failed is worth nothing, 0, from its beginning.
        """
        weights = np.array([objective.full, objective.missing, objective.worst_center])
        rows = [
            [*curve.scores, curve.final]
            if curve.final is not None
            else [(0.0, 0.0, 0.0)] * (len(self.epochs) + 1)
            for curve in self.curves
        ]
        return np.asarray(weighted_mean(np.array(rows, dtype=np.float64), weights))

    def joined(self, other: Recording) -> Recording:
        """With the curves of another recording, whose settings fill a part of the same space.

        Raises:
            ValueError: its trainings were validated at other epochs.
        """
        if other.epochs != self.epochs:
            raise ValueError(
                f"epochs {list(other.epochs)} were validated there, and {list(self.epochs)} here"
            )
        return self.model_copy(update={"curves": (*self.curves, *other.curves)})

    def write(self, path: Path) -> None:
        """Write as compressed JSON; the same recording is the same file."""
        path.write_bytes(gzip.compress(self.model_dump_json().encode(), mtime=0))

    @classmethod
    def read(cls, path: Path) -> Recording:
        """Read what `write` wrote."""
        return cls.model_validate_json(gzip.decompress(path.read_bytes()))


def rounded(scores: Sequence[float]) -> Scores:
    """Scores to four digits, which is finer than a voxel of a validation subject and keeps the file small."""
    full, missing, worst_center = (round(float(score), 4) for score in scores)
    return full, missing, worst_center
