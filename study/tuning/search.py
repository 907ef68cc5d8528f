"""Optuna through Ray Tune, with ends told as they were."""

from __future__ import annotations

import logging
import math
from typing import Any

from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.search.optuna import OptunaSearch

from search_spaces import SearchSpace
from study.results import StudyFolder, write_json
from study.tuning.events import TrialEvents
from study.tuning.ledger import Ledger

logger = logging.getLogger(__name__)


class StudySearch(OptunaSearch):  # type: ignore[misc]
    """Suggests by our search space, from the study's database.

    Ray's own class tells stopped trials COMPLETE, loses the last intermediate value, leaves NaN trials
    RUNNING for ever and cannot go on with a trial that the database has: suggesting and telling are the
    ledger's.
    """

    def __init__(self, space: SearchSpace, ledger: Ledger, folder: StudyFolder, events: TrialEvents) -> None:
        self._ledger = ledger
        self._folder = folder
        self._events = events
        self._numbers: dict[str, int] = {}
        super().__init__(space.suggest, metric="objective", mode="max")

    def _setup_study(self, mode: str) -> None:
        """The ledger has the study open already."""

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The number of the trial; its values lie in its folder."""
        trial = self._ledger.next_trial()
        self._numbers[trial_id] = trial.number
        write_json(self._folder.trial(trial.number).parameters, self._space(trial))
        return {"number": trial.number}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Store the objective at a validation epoch; where that fails the study goes on."""
        number, value = self._numbers[trial_id], result.get("objective")
        try:
            if value is not None and math.isfinite(value):
                self._ledger.report(number, int(result["epoch"]), float(value))
        except Exception:
            logger.exception("trial %d: its objective could not be stored", number)
        self._events.changed(number)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Store how the trial ended."""
        number = self._numbers[trial_id]
        try:
            self._ledger.end(number)
        except Exception:
            logger.exception("trial %d: its end could not be stored; resume=true will", number)
        self._events.changed(number)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the database is the only truth."""


class Silence(TrialProgressCallback):  # type: ignore[misc]
    """Stands in the place of Ray's own progress callback, which prints trials that end without a report.

    Named in RAY_TUNE_CALLBACKS: passed as an argument, it would make Ray import MLflow and other loggers to count.
    """

    def on_trial_result(self, *arguments: Any, **named: Any) -> None:
        """Print nothing."""

    def on_trial_error(self, *arguments: Any, **named: Any) -> None:
        """Print nothing."""

    def on_trial_complete(self, *arguments: Any, **named: Any) -> None:
        """Print nothing."""
