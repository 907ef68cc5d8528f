"""Finds where a study stands, from its folder alone: while it runs, after it, whatever its database is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from study.records.driving import Driving
from study.records.ended import End, EndedTrials
from study.records.folders import StudyFolder
from study.records.pace import Pace, time_left_s
from study.records.running import FollowedTrial, TrainingSettings
from study.records.status import (
    DriverStatus,
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
        self._settings = TrainingSettings.of(self._config)
        self._begun: set[int] = set()
        self._listed: int | None = None  # time of the list of trials that was read last
        self._again = False
        self._open: dict[int, FollowedTrial] = {}
        self._ended = EndedTrials(self._settings.window)

    def read(self) -> StudyStatus:
        """Where the study stands now."""
        driving = self._folder.driver.driving()
        now_ms = int(self._now() * 1000)
        self._look_for_new()
        self._ended.add(self._ends())
        following = self._following(driving)
        pace = Pace.of([*self._ended.epochs_s, *_speeds(following)], self._ended.judgings_s)
        running = tuple(self._running(trial, pace, now_ms) for trial in following)
        counts, requested = self._counts(driving, len(running))
        return StudyStatus(
            study=self._config.study.name,
            folder=str(self._folder.path.absolute()),
            time_ms=now_ms,
            requested=requested,
            driver=_driver(driving),
            trials=counts,
            running=running,
            best=self._ended.best,
            failures=self._ended.failures,
            left=self._left(running, pace, counts),
            tracking=self._tracking(),
        )

    def _look_for_new(self) -> None:
        """Follow the trials that have begun; one that begins within a tick of the clock is found the next time."""
        changed = self._folder.trials_changed
        if changed == self._listed and not self._again:
            return
        self._again = changed != self._listed
        self._listed = changed
        for number in sorted(self._folder.begun() - self._begun):
            self._open[number] = FollowedTrial(self._folder.trial(number), self._settings)
            self._begun.add(number)

    def _ends(self) -> Iterator[End]:
        """The trials that have ended since the last time."""
        for number, trial in list(self._open.items()):
            if (ended_ms := trial.folder.result.written_ms) is not None:
                del self._open[number]
                yield End(trial.folder, trial.folder.result.read(), ended_ms)

    def _following(self, driving: Driving | None) -> list[FollowedTrial]:
        """The trials that run: handed out by the process that drives the study now."""
        if driving is None or driving.driver is None:
            return []
        since_ms = driving.driver.since_ms
        found = [trial for _, trial in sorted(self._open.items()) if trial.runs_since(since_ms)]
        for trial in found:
            trial.look()
        return found

    def _counts(self, driving: Driving | None, running: int) -> tuple[TrialCounts, int]:
        """The number of trials by state, and how many are wanted in all."""
        states = {state: self._ended.states[state] for state in ("complete", "pruned", "failed")}
        driver = driving.driver if driving else None
        wanted = driver.trials if driver and driver.trials else self._config.study.trials
        requested = max(wanted, len(self._begun))
        counts = TrialCounts(
            waiting=requested - len(self._begun),
            running=running,
            interrupted=len(self._open) - running,
            **states,
        )
        return counts, requested

    def _running(self, trial: FollowedTrial, pace: Pace | None, now_ms: int) -> RunningTrial:
        total, epoch = trial.total, trial.epoch
        stage = trial.stage
        return RunningTrial(
            trial=trial.folder.number,
            stage=stage,
            epoch=trial.pretrained if stage == "pretraining" else epoch,
            epochs=self._settings.pretraining if stage == "pretraining" else total,
            rung=sum(rung <= epoch for rung in self._settings.rungs),
            rungs=len(self._settings.rungs),
            objective=trial.objective,
            epoch_s=trial.epoch_s,
            left_s=self._left_of(trial, pace, now_ms),
            heard_ms=trial.heard_ms,
        )

    def _left_of(self, trial: FollowedTrial, pace: Pace | None, now_ms: int) -> float | None:
        """Seconds that a running trial will take; what has passed since its last epoch is part of it."""
        if pace is None:
            return None
        lengths = self._ended.lengths
        before = self._settings.pretraining - trial.pretrained
        epochs = lengths.expected(trial.epoch, trial.total) - trial.epoch + max(0, before)
        seconds = epochs * (trial.epoch_s or pace.epoch_s) + lengths.judged * pace.judging_s
        since_ms = now_ms - trial.heard_ms if trial.heard_ms is not None else 0
        return max(0.0, seconds - max(0, since_ms) / 1000)

    def _left(
        self, running: Sequence[RunningTrial], pace: Pace | None, counts: TrialCounts
    ) -> TimeLeft | None:
        """Estimated time until all trials have ended."""
        if pace is None or not running:
            return None
        lengths = self._ended.lengths
        epochs = lengths.expected(0, self._settings.epochs)
        trial_s = (epochs + self._settings.pretraining) * pace.epoch_s + lengths.judged * pace.judging_s
        pending = counts.waiting + counts.interrupted
        return TimeLeft(
            seconds=time_left_s([trial.left_s or 0.0 for trial in running], pending, trial_s),
            trials=pending + len(running),
            at_a_time=len(running),
            epochs=epochs,
            epoch_s=pace.epoch_s,
            judging_s=pace.judging_s,
        )

    def _tracking(self) -> TrackingStatus | None:
        known, settings = self._folder.tracking.read_if_there(), self._config.tracking
        if known is None and not settings.by_mlflow:
            return None
        sent, failure = (known.sent, known.failure) if known else (0, None)
        waiting = max(0, self._ended.states.total() - sent)
        state = "away" if failure else "waiting" if waiting else "sent"
        return TrackingStatus(state=state, sent=sent, waiting=waiting, failure=failure)


def _speeds(trials: Sequence[FollowedTrial]) -> list[float]:
    return [seconds for trial in trials if (seconds := trial.epoch_s) is not None]


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
