"""Sends a study to MLflow: the study is the parent run, each trial a nested one."""

from __future__ import annotations

import json
from pathlib import Path

from study.config import Config
from study.results import StudyFolder
from study.tracking.history import History
from study.tracking.records import begun_ms, digest, study_record, trial_record
from study.tracking.store import RunStore


class Sender:
    """One study's writer; only one may exist at a time. Raises whatever MLflow raises."""

    def __init__(self, config: Config, folder: StudyFolder) -> None:
        self._config, self._folder = config, folder
        self._store: RunStore | None = None
        self._runs: dict[str, str] = {}  # trial number, "none" for the study, to run id
        self._epochs_sent: dict[int, int] = {}
        self.history = History(folder)

    def send_study(self, *, running: bool) -> bool:
        """Send the parent run; False if the store already had it all."""
        self.history.update()
        folder = self._folder
        order = json.dumps([(event.trial, event.state) for event in self.history.finished])
        state = digest(folder.config, folder.splits, folder.plan, folder.summary, extra=f"{order} {running}")
        store, run = self._connected(), self._study_run()
        if store.tags(run).get("fadeout.sent") == state:
            return False
        record = study_record(self._config, folder, self.history.finished, running=running)
        store.write(run, record, record.points, {"fadeout.sent": state})
        return True

    def send_trial(self, number: int, *, running: bool) -> bool:
        """Send what a trial has so far; False if the store already had it all."""
        self.history.update()
        trial, finished = self._folder.trial(number), self.history.of(number)
        files = (
            trial.parameters,
            trial.epochs,
            trial.postprocessing,
            trial.result,
            trial.rows,
            trial.path / "overlays.npz",
        )
        state = digest(*files, extra="" if finished else str(running))
        store, run = self._connected(), self._trial_run(number)
        if store.tags(run).get("fadeout.sent") == state:
            return False
        record = trial_record(self._config, self._folder, number, finished, running=running)
        sent = self._epochs_sent.get(number, 0)
        points = [point for point in record.points if finished or point.step > sent]
        store.write(run, record, points, {"fadeout.sent": state})
        self._epochs_sent[number] = max((point.step for point in record.points), default=0)
        return True

    def _connected(self) -> RunStore:
        self._store = self._store or RunStore(self._config, self._folder)
        return self._store

    def _study_run(self) -> str:
        return self._run("none", self._config.study.name, {}, self._folder.config)

    def _trial_run(self, number: int) -> str:
        parent = {"mlflow.parentRunId": self._study_run()}
        return self._run(str(number), f"trial {number:04d}", parent, self._folder.trial(number).parameters)

    def _run(self, trial: str, name: str, tags: dict[str, str], first_file: Path) -> str:
        if trial not in self._runs:
            identity = {"fadeout.study_id": self.history.study_id, "fadeout.trial": trial}
            tags = {**tags, "fadeout.study": self._config.study.name}
            self._runs[trial] = self._connected().find_or_make(identity, tags, name, begun_ms(first_file))
        return self._runs[trial]
