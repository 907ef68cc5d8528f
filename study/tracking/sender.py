"""Sends a study to MLflow: the study is the parent run, and each trial and each replicate a nested one."""

from __future__ import annotations

from collections.abc import Iterable

from study.config import Config
from study.records import Finished, StoredFile, StudyFolder, TrialFolder, content_digest
from study.tracking.history import History
from study.tracking.records import study_record, trial_record
from study.tracking.store import RunStore, StoredRun
from study.tracking.view import VIEW, view_page, view_state

TRIAL, STUDY = "fadeout.trial", "none"  # a tag of each run, and what it is for the study's own
SENT = "fadeout.sent"  # digest of what the run holds
STEPS = "fadeout.steps"  # steps of the study's own progress that the run holds


class Sender:
    """The only writer of a study's runs. Its methods raise whatever MLflow raises.

    The first sending compares all trials of the study with the store. Later ones read only trials that are named to
    them. What could not be sent stays pending.
    """

    def __init__(self, config: Config, folder: StudyFolder) -> None:
        self._config, self._folder = config, folder
        self._store: RunStore | None = None
        self._runs: dict[str, StoredRun] = {}
        self._begun = False
        self._pending: set[int] = set()
        self._not_ended: set[int] = set()  # how they are shown depends on whether the study runs
        self._epochs_sent: dict[str, int] = {}  # by run
        self._page: str | None = None
        self.history = History(folder)

    def send(self, changed: Iterable[int], *, running: bool) -> int:
        """Send what is new of the study, of trials that changed, and of trials that are pending.

        Args:
            changed: numbers of trials.
            running: the driver is at work; trials that have not ended are running, and otherwise interrupted.

        Returns:
            The number of trials and replicates that the store lacked something of.
        """
        self._pending.update(changed)
        if not self._begun:
            self._pending.update(trial.number for trial in self._folder.trials())
            self._begun = True
        winner = None if running else self._winner()
        if not running:
            self._pending |= self._not_ended | ({winner} if winner is not None else set())
        self.history.update(self._folder.trial(number) for number in sorted(self._pending))
        store = self._connected()
        self._send_study(store, running=running)
        new = 0
        for number in sorted(self._pending):
            new += self._send_trial(store, number, running=running, wins=number == winner)
            self._pending.discard(number)
        for replicate in self._replicates():
            new += self._send_replicate(store, replicate, running=running)
        return new

    def record(self, failure: str | None) -> None:
        """Write down how the last sending went; `failure` is why it did not work."""
        known = self._store is not None  # else what the store has is as it was
        sent = self.history.ended(self._pending) if known else self.history.sent
        self.history.record_sending(failure, sent, self._page or self.history.page)

    def _connected(self) -> RunStore:
        if self._store is None:
            store = RunStore(self._config.tracking, self._folder)
            self._runs = store.runs("fadeout.study_id", self.history.study_id, TRIAL, (SENT, STEPS))
            self._store = store
        return self._store

    def _send_study(self, store: RunStore, *, running: bool) -> None:
        folder, finished = self._folder, self.history.finished
        files: list[StoredFile] = [folder.config, folder.prepared, folder.summary, folder.report]
        files += [replicate.result for replicate in self._replicates()]
        state = content_digest(files, extra=f"{self.history.order} {running}")
        run = self._run(store, STUDY, self._config.study.name, {}, folder.config)
        if self._page is None:
            key = self.history.study_id
            store.tag_experiment(VIEW + key, view_state(self._config, folder, run.id))
            self._page = view_page(store.experiment, key)
        if run.seal.get(SENT) == state:
            return
        steps = int(run.seal.get(STEPS, 0))
        record = study_record(self._config, folder, finished, running=running, after=steps)
        store.write(run, record, record.points, {STEPS: str(len(finished)), SENT: state})

    def _winner(self) -> int | None:
        """The number of the winner, if the study has been summed up and has one."""
        summary = self._folder.summary.read_if_there()
        return summary.winner if summary else None

    def _send_trial(self, store: RunStore, number: int, *, running: bool, wins: bool) -> bool:
        """Send what a trial has so far; False if the store was up to date."""
        finished = self.history.of(number)
        if finished:
            self._not_ended.discard(number)
        else:
            self._not_ended.add(number)
        trial = self._folder.trial(number)
        name = f"trial {number:04d}"
        run = self._run(store, str(number), name, self._nested(), trial.parameters)
        return self._send_nested(
            store, run, trial, finished, running=running, name=_shown(name, finished, wins)
        )

    def _send_replicate(self, store: RunStore, trial: TrialFolder, *, running: bool) -> bool:
        """Send what a replicate has so far, if it has begun; False if the store was up to date."""
        if not trial.parameters.exists:
            return False
        repeated = trial.replicate.read()
        tags = {
            "fadeout.replicate": str(repeated.trial),
            "fadeout.seed": str(repeated.seed),
            **self._nested(),
        }
        name = f"trial {repeated.trial:04d}, seed {repeated.seed}"
        run = self._run(store, f"replicate {trial.number}", name, tags, trial.parameters)
        finished = self.history.of_replicate(trial)
        return self._send_nested(
            store, run, trial, finished, running=running, name=_shown(name, finished, wins=False)
        )

    def _replicates(self) -> list[TrialFolder]:
        return self._folder.replicates.trials() if self._folder.is_replicated else []

    def _nested(self) -> dict[str, str]:
        return {"mlflow.parentRunId": self._runs[STUDY].id}

    def _send_nested(
        self,
        store: RunStore,
        run: StoredRun,
        trial: TrialFolder,
        finished: Finished | None,
        *,
        running: bool,
        name: str,
    ) -> bool:
        files = (
            trial.parameters,
            trial.training.epochs,
            *trial.fits.files,
            trial.result,
            trial.rows,
            trial.overlays,
        )
        state = content_digest(files, extra=name if finished else str(running))
        if run.seal.get(SENT) == state:
            return False
        record = trial_record(self._config, trial.study, trial.number, finished, running=running, name=name)
        sent = self._epochs_sent.get(run.id, 0)
        points = [point for point in record.points if finished or point.step > sent]
        store.write(run, record, points, {SENT: state})
        if finished:
            self._epochs_sent.pop(run.id, None)
        else:
            self._epochs_sent[run.id] = max((point.step for point in record.points), default=0)
        return True

    def _run(
        self, store: RunStore, trial: str, name: str, tags: dict[str, str], first: StoredFile
    ) -> StoredRun:
        if trial not in self._runs:
            identity = {"fadeout.study_id": self.history.study_id, TRIAL: trial}
            tags = {**tags, "fadeout.study": self._config.study.name, **identity}
            self._runs[trial] = store.make(tags, name, first.written_ms)
        return self._runs[trial]


def _shown(name: str, finished: Finished | None, wins: bool) -> str:
    """The name of a nested run, with what became of it."""
    if wins:
        return f"{name} (winner)"
    return f"{name} ({finished.state})" if finished and finished.state != "complete" else name
