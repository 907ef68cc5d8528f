"""How the trials of a study ended, and which complete ones are best."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from search_spaces.space import SearchSpace
from study.config import Objective
from study.errors import StudyError
from study.records.folders import StudyFolder
from study.records.goals import best_first, nearly_best, pareto_front
from study.records.results import CompleteTrial, FailedTrial
from study.records.trial import TrialFolder

if TYPE_CHECKING:
    import pandas as pd

    from study.evaluation.fit import PostprocessingFit

NO_WINNER = "no winner can be named"
NUMBER = re.compile(r"\d+(\.\d+)?")


class Ranking:
    """The trials of a study as they are when this is made; each file of a trial is read once at most.

    Attributes:
        folder: of the study.
        states: number of complete, pruned and failed trials.
        complete: the folders of all complete trials, by number.
        errors: of the failed trials.
        by_objective: objective and folder of the complete trials whose objective is defined, the best first by the
            rule of `objective.winner`: by default, the highest objective. Ties go to the lower number.
        front: the complete trials that no other one beats in all goals of `objective.front`; empty without a front.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder
        self._trials = folder.trials()
        results = [(trial, trial.result.read_if_there()) for trial in self._trials]
        self._fits: dict[int, PostprocessingFit | None] = {}
        self._results = {trial.number: result for trial, result in results}
        self.states: Mapping[str, int] = Counter(result.state for _, result in results if result is not None)
        complete = [(trial, result) for trial, result in results if isinstance(result, CompleteTrial)]
        self.complete = [trial for trial, _ in complete]
        self.errors = [result.error for _, result in results if isinstance(result, FailedTrial)]
        self._config = folder.config.read_if_there()  # None for replicates, which nothing is searched by
        objective = self._objective = self._config.objective if self._config else Objective.model_validate({})
        self._judged = [result for _, result in complete]
        folders = {trial.number: trial for trial in self.complete}
        self.by_objective: Sequence[tuple[float, TrialFolder]] = [
            (result.value, folders[result.trial]) for result in best_first(self._judged, objective)
        ]
        front = pareto_front(self._judged, objective) if objective.front else []
        self.front = [folders[result.trial] for result in front]

    @cached_property
    def no_winner(self) -> str | None:
        """Why no winner can be named; None if one can be."""
        if not self.complete:
            return self._why_none_is_complete()
        if not self.by_objective:
            return "the objective of no complete trial is defined: no reference of a validation subject has a target"
        best = self.by_objective[0][1]
        if max(value for value, _ in self.by_objective) <= 0:
            return "the highest objective is 0: no trial finds the target in a validation subject"
        if not nearly_best(self._judged, self._objective):
            return (
                f"no trial is within {self._objective.within:g} of the best in {' and '.join(self._objective.others)}; "
                "objective.within is too small for objective.winner"
            )
        fit = self.fit(best)
        if fit is not None and fit.subjects == 1:
            return "all trials are judged by a single validation subject"
        return None

    @property
    def winner(self) -> TrialFolder:
        """The complete trial with the highest objective, or the one that `objective.winner` names.

        Raises:
            StudyError: no winner can be named; says why.
        """
        if self.no_winner is not None:
            raise StudyError(f"{self.folder.path}: {NO_WINNER}, because {self.no_winner}{self._remedy()}")
        return self._ranked()[0]

    @cached_property
    def default(self) -> TrialFolder | None:
        """The first trial with the default settings that has ended and not failed; None if there is none.

        The default settings are the study's configuration with what its search space fixes.
        """
        config = self._config or self.folder.config.read()
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
            StudyError: no winner can be named.
        """
        if self.default is not None and self.default.number != self.winner.number:
            return self.default
        return next((trial for _, trial in self.by_objective if trial.number != self.winner.number), None)

    def value(self, trial: TrialFolder) -> float | None:
        """The objective of a complete trial; None for another one."""
        result = self._results[trial.number]
        return result.value if isinstance(result, CompleteTrial) else None

    def result(self, trial: TrialFolder) -> CompleteTrial:
        """How a complete trial ended; raises StudyError for another one."""
        result = self._results[trial.number]
        if not isinstance(result, CompleteTrial):
            raise StudyError(f"trial: {trial.number} is not complete")
        return result

    def fit(self, trial: TrialFolder) -> PostprocessingFit | None:
        """The own fit of a trial of the search; None if it has none."""
        if trial.number not in self._fits:
            self._fits[trial.number] = trial.fits.own.read_if_there()
        return self._fits[trial.number]

    def _why_none_is_complete(self) -> str:
        if self.states and set(self.states) == {"failed"}:
            return "every trial failed"
        return "no trial is complete yet; resume the study with resume=true"

    def _remedy(self) -> str:
        numbers = ", ".join(str(trial.number) for _, trial in self.by_objective[:5])
        return f"; name a trial yourself by its number, best first: {numbers}" if numbers else ""

    def winners(self) -> dict[str, TrialFolder]:
        """The best trial for each `model.inputs` (independent models); any other study has its winner under "".

        Raises:
            StudyError: no trial is complete, or the objective of none is defined.
        """
        return {str(inputs or ""): trial for (inputs,), trial in self.best(["model.inputs"]).items()}

    def best(self, paths: Sequence[str]) -> dict[tuple[Any, ...], TrialFolder]:
        """The best complete trial for each combination of values of searched settings, the best of all first.

        Args:
            paths: dotted paths of the settings; a setting that a trial did not search has the value None.

        Raises:
            StudyError: no trial is complete, or the objective of none is defined.
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
            StudyError: no winner can be named.
        """
        import pandas as pd

        tables = [trial.rows.read() for trial in self.winners().values()]
        return pd.concat(tables, ignore_index=True).assign(trial=self.winner.number)

    @cached_property
    def _searched(self) -> dict[int, dict[str, Any]]:
        return {trial.number: trial.searched() for trial in self._trials}

    def _ranked(self) -> list[TrialFolder]:
        if not self.by_objective:
            raise StudyError(f"{self.folder.path}: {NO_WINNER}, because {self.no_winner}")
        return [trial for _, trial in self.by_objective]


def common_reason(errors: Sequence[str]) -> tuple[str, int]:
    """The reason that most trials failed for, and how many did; reasons are alike whatever numbers they hold."""
    alike: dict[str, list[str]] = {}
    for error in errors:
        alike.setdefault(NUMBER.sub("#", error), []).append(error)
    most = max(alike.values(), key=len)
    return most[0], len(most)


def complete_trials(folder: StudyFolder) -> list[TrialFolder]:
    """The folders of all complete trials, by number; raises StudyError if there is none."""
    ranking = Ranking(folder)
    if not ranking.complete:
        raise StudyError(f"{folder.path}: {ranking.no_winner}")
    return ranking.complete


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
    """The winner of `Ranking`; raises StudyError if none can be named."""
    return Ranking(folder).winner


def replicates_of(folder: StudyFolder, trial: int) -> list[TrialFolder]:
    """The complete replicates of a trial, by number."""
    return [
        one
        for one in folder.replicates.trials()
        if one.replicate.read().trial == trial and isinstance(one.result.read_if_there(), CompleteTrial)
    ]
