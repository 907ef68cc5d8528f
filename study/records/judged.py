"""What is judged beside the trials of a study, in a folder of its own: the ensemble, and a rule without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.records.fits import Fits
    from study.records.rows import RowsFile


class JudgedFolder:
    """The post-processing and the results of something that is judged like a trial.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, loss: str) -> None:
        self.path = path
        self._loss = loss

    @property
    def fits(self) -> Fits:
        """Its post-processing."""
        from study.records.fits import Fits

        return Fits(self.path)

    @property
    def rows(self) -> RowsFile:
        """Its results on test subjects."""
        from study.records.rows import RowsFile

        return RowsFile(self.path / "rows.parquet", self._loss)
