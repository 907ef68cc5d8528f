"""All trials of a study, or all its replicates, followed through their files."""

from __future__ import annotations

from collections.abc import Iterator

from study.records.ended import End, EndedTrials
from study.records.folders import StudyFolder
from study.records.pace import Pace
from study.records.running import FollowedTrial, TrainingSettings
from study.records.status import RunningTrial, TrialCounts


class FollowedTrials:
    """Trials beside each other: those that have not ended are looked at again and again, the others once.

    Attributes:
        ended: those that have ended.

    Args:
        folder: of the study, with the trials that are followed.
        settings: of the study.
    """

    def __init__(self, folder: StudyFolder, settings: TrainingSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._begun: set[int] = set()
        self._listed: int | None = None  # time of the list of trials that was read last
        self._again = False
        self._open: dict[int, FollowedTrial] = {}
        self._running: list[FollowedTrial] = []
        self.ended = EndedTrials(settings.window, settings.objective)

    def look(self, since_ms: int | None) -> None:
        """Read what has changed.

        Args:
            since_ms: when the process that drives the study began, in milliseconds since 1970; None without one.
                Trials that were handed out later run.
        """
        self._look_for_new()
        self.ended.add(self._ends())
        self._running = []
        if since_ms is not None:
            self._running = [trial for _, trial in sorted(self._open.items()) if trial.runs_since(since_ms)]
        for trial in self._running:
            trial.look()

    @property
    def epochs_s(self) -> list[float]:
        """Seconds of an epoch of the last trials that ended, and of those that run."""
        speeds = (trial.epoch_s for trial in self._running)
        return [*self.ended.epochs_s, *(seconds for seconds in speeds if seconds is not None)]

    def counts(self, wanted: int) -> TrialCounts:
        """The number of trials by state.

        Args:
            wanted: number of trials that are wanted in all; those that are there are wanted, too.
        """
        unused = sum(not trial.folder.parameters.exists for trial in self._open.values())
        return TrialCounts(
            waiting=max(0, wanted - len(self._begun)) + unused,
            running=len(self._running),
            interrupted=len(self._open) - len(self._running) - unused,
            **{state: self.ended.states[state] for state in ("complete", "pruned", "failed")},
        )

    def told(self, pace: Pace | None, now_ms: int) -> Iterator[RunningTrial]:
        """The trials that run, by number."""
        rungs = self._settings.rungs
        for trial in self._running:
            replicate = trial.folder.replicate.read_if_there()
            pretrains = trial.stage == "pretraining"
            yield RunningTrial(
                trial=replicate.trial if replicate else trial.folder.number,
                seed=replicate.seed if replicate else None,
                stage=trial.stage,
                epoch=trial.pretrained if pretrains else trial.epoch,
                epochs=self._settings.pretraining if pretrains else trial.total,
                rung=sum(rung <= trial.epoch for rung in rungs),
                rungs=len(rungs),
                objective=trial.objective,
                epoch_s=trial.epoch_s,
                left_s=self._left_of(trial, pace, now_ms),
                heard_ms=trial.heard_ms,
            )

    def whole(self, pace: Pace) -> tuple[float, float]:
        """What a trial takes from its beginning to its end: epochs, without a first training, and seconds."""
        epochs = self.ended.lengths.expected(0, self._settings.epochs)
        judging_s = self.ended.lengths.judged * pace.judging_s
        return epochs, (epochs + self._settings.pretraining) * pace.epoch_s + judging_s

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

    def _left_of(self, trial: FollowedTrial, pace: Pace | None, now_ms: int) -> float | None:
        """Seconds that a running trial will take; what has passed since its last epoch is part of it."""
        if pace is None:
            return None
        lengths = self.ended.lengths
        before = self._settings.pretraining - trial.pretrained
        epochs = lengths.expected(trial.epoch, trial.total) - trial.epoch + max(0, before)
        seconds = epochs * (trial.epoch_s or pace.epoch_s) + lengths.judged * pace.judging_s
        since_ms = now_ms - trial.heard_ms if trial.heard_ms is not None else 0
        return max(0.0, seconds - max(0, since_ms) / 1000)
