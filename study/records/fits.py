"""The post-processing of a trial: the result of each search, and which is in force. The only place of its chains."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.evaluation.chains import Chains
from study.evaluation.fit import PostprocessingFit
from study.machine.files import atomic
from study.records import losses
from study.records.files import Record, RecordFile, StoredFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUMBER = re.compile(r"[0-9]{1,9}")
OWN = 0  # number of the trial's own fit


class Applied(Record):
    """The number of the fit in force."""

    fit: int


class LaterFit(Record):
    """A fit by `study.postprocess`, with the settings it was found with.

    Attributes:
        found: the fit.
        asked: the settings that the search read, by section.
    """

    found: PostprocessingFit
    asked: dict[str, Any]


class Fits:
    """The fits of one trial: its own, and later ones by `study.postprocess`, numbered from 1.

    Attributes:
        own: the trial's own fit, which its objective and its rows are based on.
    """

    def __init__(self, trial: Path) -> None:
        self._trial = trial
        self.own: RecordFile[PostprocessingFit] = RecordFile(
            trial / "postprocessing.json", PostprocessingFit, losses.FIT
        )
        self._applied: RecordFile[Applied] = RecordFile(
            trial / "postprocessing-applied.json", Applied, losses.APPLIED
        )

    @property
    def files(self) -> tuple[StoredFile, ...]:
        """The files that say which fit is in force."""
        return (self.own, self._applied)

    @property
    def applied(self) -> int:
        """The number of the fit in force; OWN for the trial's own."""
        found = self._applied.read_if_there()
        return OWN if found is None else found.fit

    def read(self, number: int) -> PostprocessingFit:
        """A fit by number; raises StudyError if there is none."""
        return self.own.read() if number == OWN else self._later(number).read().found

    @property
    def in_force(self) -> PostprocessingFit:
        """The fit that the trial is post-processed with; raises StudyError if there is none."""
        return self.read(self.applied)

    @property
    def chains(self) -> Chains:
        """The chains that the trial is post-processed with; raises StudyError if there are none."""
        return self.in_force.best

    def add(self, found: PostprocessingFit, asked: dict[str, Any]) -> int:
        """Store the result of a later search; returns its number."""
        number = 1 + max(self._numbers(), default=OWN)
        self._later(number).write(LaterFit(found=found, asked=asked))
        return number

    def apply(self, number: int) -> None:
        """Put a later fit in force."""
        self._applied.write(Applied(fit=number))

    def draw(self, number: int, figure: Figure) -> Path:
        """Store the figure of a later fit beside it; returns the path."""
        path = self.path(number).with_suffix(".png")
        with atomic(path) as temporary:
            figure.savefig(temporary, format="png", dpi=120)
        return path

    def path(self, number: int) -> Path:
        """The path of a later fit, for messages to the user."""
        return self._later(number).path

    def _later(self, number: int) -> RecordFile[LaterFit]:
        return RecordFile(self._trial / f"postprocessing-{number}.json", LaterFit, losses.LATER_FIT)

    def _numbers(self) -> list[int]:
        names = (
            path.stem.removeprefix("postprocessing-") for path in self._trial.glob("postprocessing-*.json")
        )
        return [int(name) for name in names if NUMBER.fullmatch(name)]
