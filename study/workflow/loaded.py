"""A study on disk, for inspection and further use from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from study.config import Config
from study.errors import StudyError
from study.machine.mirror import local_root, mirrored
from study.records import FailedTrial, Ranking, StudyFolder, TrialFolder, find_winner

if TYPE_CHECKING:
    import pandas as pd


class LoadedStudy:
    """One study: its trials, the winner's rows and table, evaluation and export.

    Attributes:
        folder: its files.
        config: its configuration.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self.config: Config = folder.config.read()

    @property
    def name(self) -> str:
        """The study's name."""
        return self.folder.path.name

    @property
    def winner(self) -> int:
        """The number of the complete trial with the highest objective; raises StudyError if none is complete."""
        return find_winner(self.folder).number

    def trials(self) -> pd.DataFrame:
        """One row per trial: number (index), state, epochs, seconds, value, and the searched settings by dotted path.

        A trial that has not ended has the state `running`.
        """
        import pandas as pd

        trials = self.folder.trials()
        lines = [_line(trial) for trial in trials]
        own = pd.DataFrame(lines, columns=["trial", "state", "epochs", "seconds", "value"]).set_index("trial")
        searched = pd.DataFrame({trial.number: trial.searched() for trial in trials}).T
        return own.join(searched) if len(searched.columns) else own

    def curves(self, trial: int | None = None) -> pd.DataFrame:
        """One row per epoch of a trial, by default of the winner: loss, learning rate, fade, validation."""
        import pandas as pd

        return pd.DataFrame(
            [epoch.to_dict() for epoch in self._trial(trial).training.epochs.read()]
        ).set_index("epoch")

    def rows(self, trial: int | None = None) -> pd.DataFrame:
        """One row per test subject and availability subset, with the columns of `ResultRow`.

        To choose among trials by test subjects is to choose on test data; `trials` has the objective.

        Args:
            trial: number; None selects the winner. With a separate model for each subset (`model.inputs`), the rows
                of all these models count as the winner's.
        """
        return Ranking(self.folder).winning_rows() if trial is None else self._trial(trial).rows.read()

    def table(self, trial: int | None = None) -> pd.DataFrame:
        """Mean Dice by center and removed modalities, with 95 % intervals (`analysis.cross_center`)."""
        from analysis.cross_center import cross_center_table
        from analysis.method import Method

        method = Method.of(self.config.evaluation, self.config.study.seed)
        return cross_center_table(self.rows(trial), method).frame()

    def evaluate(
        self,
        trial: int | None = None,
        *,
        subsets: str | None = None,
        cohort: Sequence[str] = (),
        most_voxels: int | None = None,
        cache: Path | str | None = None,
    ) -> pd.DataFrame:
        """Score a trial's network again; returns the new rows.

        Args:
            trial: number; None selects the winner.
            subsets: `evaluation.subsets`; None keeps the study's.
            cohort: another cohort as on the command line, `["cohort=manifest", "cohort.path=other.csv"]`; empty
                selects the study's own test subjects.
            most_voxels: `imaging.most_voxels`; None keeps the study's.
            cache: `imaging.cache`; None keeps the study's.
        """
        from study.commandline.composition import compose_section, read_settings
        from study.commandline.progress import Lines
        from study.workflow.evaluating import evaluate_trial

        given = {
            "evaluation.subsets": subsets,
            "imaging.most_voxels": most_voxels,
            "imaging.cache": None if cache is None else str(cache),
        }
        values = {path: value for path, value in given.items() if value is not None}
        section = compose_section(read_settings(cohort), "cohort") if cohort else None
        with mirrored(self.folder.path.parent, self.name):
            silent = Lines(lambda text: None)
            _, _, rows = evaluate_trial(self.folder, trial, silent, values=values, cohort=section)
        return rows.read()

    def export(self, out: Path | str, trial: int | None = None) -> Path:
        """Write the bundle of a trial, by default of the winner or of an ensemble that is better: a folder, or a zip.

        Raises:
            StudyError: the trial is not complete, or `out` exists.
        """
        from study.workflow.export import export_bundle

        export_bundle(self.folder, Path(out), trial)
        return Path(out)

    def _trial(self, number: int | None) -> TrialFolder:
        if number is None:
            return find_winner(self.folder)
        found = self.folder.trial(number)
        if not found.path.is_dir():
            listed = ", ".join(str(trial.number) for trial in self.folder.trials()) or "none"
            raise StudyError(f"{self.folder.path}: there is no trial {number}; there are {listed}")
        return found


def load_study(path: Path | str) -> LoadedStudy:
    """The study in a folder, `studies/gradual`, or in an object store, `s3://bucket/studies/gradual`.

    Raises:
        StudyError: the folder holds no study; lists the studies beside it.
    """
    place = local_root(str(path))
    with StudyFolder.opened(place.parent, place.name) as folder:
        return LoadedStudy(folder)


def _line(trial: TrialFolder) -> tuple[object, ...]:
    result = trial.result.read_if_there()
    if result is None:
        return trial.number, "running", len(trial.training.epochs.read()), None, None
    value = None if isinstance(result, FailedTrial) else result.value
    return trial.number, result.state, result.epochs, result.seconds, value
