"""Finds where a study stands, from its folder alone: while it runs, after it, whatever its database is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from study.records.driving import Driving
from study.records.folders import StudyFolder
from study.records.followed import FollowedTrials
from study.records.pace import Pace, time_left_s
from study.records.running import TrainingSettings
from study.records.status import (
    DriverStatus,
    EnsembleStatus,
    RunningTrial,
    StudyStatus,
    TimeLeft,
    TrackingStatus,
    TrialCounts,
)


class StatusReader:
    """Reads where a study stands, again and again: only trials that have not ended are looked at twice.

    Args:
        folder: of the study; nothing is written to it.
        now: seconds since 1970.

    Raises:
        StudyError: the study has no configuration, or a damaged one. So does `read` for other files.
    """

    def __init__(self, folder: StudyFolder, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = folder, now
        self._config = folder.config.read()
        settings = TrainingSettings.of(self._config)
        self._trials = FollowedTrials(folder, settings)
        self._replicates = FollowedTrials(folder.replicates, replace(settings, rungs=()))

    def read(self) -> StudyStatus:
        """Where the study stands now."""
        driving = self._folder.driver.driving()
        now_ms = int(self._now() * 1000)
        driver = driving.driver if driving else None
        since_ms = driver.since_ms if driver else None
        for trials in (self._trials, self._replicates):
            trials.look(since_ms)
        pace = Pace.of(
            [*self._trials.epochs_s, *self._replicates.epochs_s],
            [*self._trials.ended.judgings_s, *self._replicates.ended.judgings_s],
        )
        wanted = driver.trials if driver and driver.trials else self._config.study.trials
        counts, replicates = self._trials.counts(wanted), self._replicated()
        running = (*self._trials.told(pace, now_ms), *self._replicates.told(pace, now_ms))
        pending = counts.pending + (replicates.pending if replicates else 0)
        return StudyStatus(
            study=self._config.study.name,
            folder=str(self._folder.path.absolute()),
            time_ms=now_ms,
            requested=counts.total,
            driver=_driver(driving),
            trials=counts,
            replicates=replicates,
            running=running,
            best=self._trials.ended.best,
            ensemble=self._ensemble(),
            failures=self._trials.ended.failures,
            left=self._left(running, pace, pending),
            tracking=self._tracking(),
        )

    def _replicated(self) -> TrialCounts | None:
        """The replicates by state; None if none are wanted. Before they are planned, each repeats two trials."""
        if self._folder.is_replicated:
            return self._replicates.counts(0)
        wanted = 2 * self._config.study.replicates
        return self._replicates.counts(wanted) if wanted else None

    def _left(self, running: Sequence[RunningTrial], pace: Pace | None, pending: int) -> TimeLeft | None:
        """Estimated time until all trials have ended."""
        if pace is None or not running:
            return None
        epochs, seconds = self._trials.whole(pace)
        return TimeLeft(
            seconds=time_left_s([trial.left_s or 0.0 for trial in running], pending, seconds),
            trials=pending + len(running),
            at_a_time=len(running),
            epochs=epochs,
            epoch_s=pace.epoch_s,
            judging_s=pace.judging_s,
        )

    def _ensemble(self) -> EnsembleStatus | None:
        found = self._folder.ensemble.result.read_if_there()
        if found is None:
            return None
        trials = tuple(member.trial for member in found.members)
        return EnsembleStatus(trials=trials, objective=found.value, better=found.better)

    def _tracking(self) -> TrackingStatus | None:
        known, settings = self._folder.tracking.read_if_there(), self._config.tracking
        if known is None and not settings.by_mlflow:
            return None
        sent, failure = (known.sent, known.failure) if known else (0, None)
        waiting = max(0, self._trials.ended.states.total() - sent)
        state = "away" if failure else "waiting" if waiting else "sent"
        return TrackingStatus(state=state, sent=sent, waiting=waiting, failure=failure)


def _driver(driving: Driving | None) -> DriverStatus | None:
    if driving is None:
        return None
    if (driver := driving.driver) is None:
        return DriverStatus(state=driving.state)
    return DriverStatus(
        state=driving.state,
        host=driver.host,
        process=driver.process,
        since_ms=driver.since_ms,
        machines=driver.machines,
    )
