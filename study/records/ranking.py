"""How the trials of a study ended, and which complete ones are best."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from search_spaces.space import SearchSpace
from study.errors import StudyError
from study.records.folders import StudyFolder
from study.records.results import CompleteTrial, FailedTrial
from study.records.trial import TrialFolder

if TYPE_CHECKING:
    import pandas as pd


class Ranking:
    """The trials of a study as they are when this is made; each file of a trial is read once at most.

    Attributes:
        folder: of the study.
        states: number of complete, pruned and failed trials.
        complete: the folders of all complete trials, by number.
        by_rank: those whose objective is defined, the best first; ties go to the lower number.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self._trials = folder.trials()
        results = [(trial, trial.result.read_if_there()) for trial in self._trials]
        self._results = {trial.number: result for trial, result in results}
        self.states: Mapping[str, int] = Counter(result.state for _, result in results if result is not None)
        complete = [(trial, result) for trial, result in results if isinstance(result, CompleteTrial)]
        self.complete = [trial for trial, _ in complete]
        defined = [(result.value, trial) for trial, result in complete if math.isfinite(result.value)]
        self.by_rank = [trial for _, trial in sorted(defined, key=lambda pair: (-pair[0], pair[1].number))]

    @property
    def has_winner(self) -> bool:
        """Whether a trial is complete and its objective is defined."""
        return bool(self.by_rank)

    @property
    def winner(self) -> TrialFolder:
        """The complete trial with the highest objective; ties go to the lower number.

        Raises:
            StudyError: no trial is complete, or the objective of none is defined.
        """
        return self._ranked()[0]

    @cached_property
    def default(self) -> TrialFolder | None:
        """The first trial with the default settings that has ended and not failed; None if there is none.

        The default settings are the study's configuration with what its search space fixes.
        """
        config = self.folder.config.read()
        settings = config.with_values(SearchSpace.parse(config.search_space, config).outer.fixed)
        for trial in self._trials:
            ended = not isinstance(self._results[trial.number], FailedTrial | None)
            if ended and config.with_values(self._searched[trial.number]) == settings:
                return trial
        return None

    @property
    def rival(self) -> TrialFolder | None:
        """The trial that the winner's gain is over: the one with the default settings, or else the second best.

        It is the second best where the default settings have won or were not tried; None if there is none.

        Raises:
            StudyError: no trial is complete.
        """
        if self.default is not None and self.default.number != self.winner.number:
            return self.default
        return next((trial for trial in self.by_rank if trial.number != self.winner.number), None)

    def value(self, trial: TrialFolder) -> float | None:
        """The objective of a complete trial; None for another one."""
        result = self._results[trial.number]
        return result.value if isinstance(result, CompleteTrial) else None

    def winners(self) -> dict[str, TrialFolder]:
        """The best trial for each `model.inputs` (independent models); any other study has its winner under "".

        Raises:
            StudyError: no trial is complete.
        """
        return {str(inputs or ""): trial for (inputs,), trial in self.best(["model.inputs"]).items()}

    def best(self, paths: Sequence[str]) -> dict[tuple[Any, ...], TrialFolder]:
        """The best complete trial for each combination of values of searched settings, the best of all first.

        Args:
            paths: dotted paths of the settings; a setting that a trial did not search has the value None.

        Raises:
            StudyError: no trial is complete.
        """
        best: dict[tuple[Any, ...], TrialFolder] = {}
        for trial in self._ranked():
            values = (self._searched[trial.number].get(path) for path in paths)
            best.setdefault(tuple(tuple(v) if isinstance(v, list) else v for v in values), trial)
        return best

    def searched_settings(self) -> set[str]:
        """Dotted paths of all settings that any trial searched."""
        return {path for searched in self._searched.values() for path in searched}

    def winning_rows(self) -> pd.DataFrame:
        """The rows of `winners`, numbered as the winner's: independent models count as one method.

        Raises:
            StudyError: no trial is complete.
        """
        import pandas as pd

        tables = [trial.rows.read() for trial in self.winners().values()]
        return pd.concat(tables, ignore_index=True).assign(trial=self.winner.number)

    @cached_property
    def _searched(self) -> dict[int, dict[str, Any]]:
        return {trial.number: trial.searched() for trial in self._trials}

    def _ranked(self) -> list[TrialFolder]:
        if not self.by_rank:
            raise _none_complete(self.folder)
        return self.by_rank


def complete_trials(folder: StudyFolder) -> list[TrialFolder]:
    """The folders of all complete trials, by number; raises StudyError if there is none."""
    if not (complete := Ranking(folder).complete):
        raise _none_complete(folder)
    return complete


def complete_trial(folder: StudyFolder, number: int) -> TrialFolder:
    """The folder of a complete trial.

    Raises:
        StudyError: the trial is not complete; lists the complete ones.
    """
    trial = folder.trial(number)
    if not isinstance(trial.result.read_if_there(), CompleteTrial) or not trial.weights.exists:
        listed = ", ".join(str(other.number) for other in Ranking(folder).complete) or "none"
        raise StudyError(f"trial: {number} is not complete; complete are {listed}")
    return trial


def find_winner(folder: StudyFolder) -> TrialFolder:
    """The winner of `Ranking`; raises StudyError if no trial is complete."""
    return Ranking(folder).winner


def replicates_of(folder: StudyFolder, trial: int) -> list[TrialFolder]:
    """The complete replicates of a trial, by number."""
    return [
        one
        for one in folder.replicates.trials()
        if one.replicate.read().trial == trial and isinstance(one.result.read_if_there(), CompleteTrial)
    ]


def _none_complete(folder: StudyFolder) -> StudyError:
    return StudyError(f"{folder.path}: no trial is complete yet; resume the study with resume=true")
