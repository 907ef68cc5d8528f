"""The ensemble of a study: which trials it is made of, and how good it is."""

from __future__ import annotations

from pathlib import Path

from study.records import losses
from study.records.files import Record, RecordFile
from study.records.judged import JudgedFolder


class Member(Record):
    """A trial of the ensemble, and how often it counts."""

    trial: int
    count: int


class EnsembleResult(Record):
    """The content of `ensemble.json`.

    Attributes:
        made_of: changes with what the ensemble was chosen from.
        candidates: trials that it was chosen from, the best first.
        left_out: better trials than the last of these that cannot be averaged with the winner.
        members: the chosen trials; a single one if no mean is better than it alone.
        by_half: those chosen on each half of the validation subjects, for the cross-fitted objective.
        winner: the study's, and the objective that it has.
        winner_value: its objective.
        value: the ensemble's, with members and post-processing both cross-fitted; None for a single member.
        better: whether that is above the winner's.
        seconds: that it took.
    """

    made_of: str
    candidates: tuple[int, ...]
    left_out: tuple[int, ...]
    members: tuple[Member, ...]
    by_half: tuple[tuple[Member, ...], tuple[Member, ...]]
    winner: int
    winner_value: float
    value: float | None
    better: bool
    seconds: float

    @property
    def trials(self) -> str:
        """`3 (2 of 5), 7, 8`."""
        draws = sum(member.count for member in self.members)
        return ", ".join(
            f"{member.trial} ({member.count} of {draws})" if member.count > 1 else str(member.trial)
            for member in self.members
        )


class EnsembleFolder(JudgedFolder):
    """The files of the ensemble.

    Attributes:
        result: how it was chosen; written last.
    """

    def __init__(self, study: Path) -> None:
        super().__init__(study / "ensemble", losses.ENSEMBLE)
        self.result: RecordFile[EnsembleResult] = RecordFile(
            self.path / "ensemble.json", EnsembleResult, losses.ENSEMBLE
        )
