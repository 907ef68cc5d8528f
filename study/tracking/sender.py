"""Sends a study to MLflow: the study is the parent run, each trial a nested one.

Runs are found by tags, metrics carry their own times, artifacts are overwritten: what is sent twice is stored
once. A folder that was moved keeps its rows but not the artifacts' addresses: remove `mlflow.db` and
`mlartifacts`, then `python -m study.sync` writes both anew.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from study.config import Config
from study.errors import StudyError
from study.results import StudyFolder
from study.tracking.history import History
from study.tracking.records import Point, RunRecord, digest, study_record, trial_record

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

BATCH = 1000  # metrics that MLflow takes at once
STATUS = {
    "running": "RUNNING",
    "interrupted": "KILLED",
    "complete": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
}
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def tracking_uri(config: Config, folder: StudyFolder) -> str:
    """The MLflow store of a study: as configured, or SQLite in the study's folder."""
    return config.tracking.uri or f"sqlite:///{folder.path.resolve() / 'mlflow.db'}"


def without_password(text: str, uri: str) -> str:
    """A text that may name an address, as it may be printed."""
    password = urlsplit(uri).password
    return text.replace(f":{password}@", ":***@") if password else text


class Sender:
    """One study's writer; only one may exist at a time. Raises whatever MLflow raises."""

    def __init__(self, config: Config, folder: StudyFolder) -> None:
        self._config, self._folder = config, folder
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._runs: dict[str, str] = {}  # trial number, "" for the study, to run id
        self._epochs_sent: dict[str, int] = {}
        self.history = History(folder)

    def send_study(self, *, running: bool) -> bool:
        """Send the parent run; False if the store already had it all."""
        self.history.update()
        folder = self._folder
        order = json.dumps([(event.trial, event.state) for event in self.history.finished])
        state = digest(folder.config, folder.splits, folder.plan, folder.summary, extra=f"{order} {running}")
        run = self._run("", self._config.study.name)
        if self._tags(run).get("fadeout.sent") == state:
            return False
        record = study_record(self._config, folder, self.history.finished, running=running)
        self._send(run, record, record.points, state)
        return True

    def send_trial(self, number: int, *, running: bool) -> bool:
        """Send what a trial has so far; False if the store already had it all."""
        self.history.update()
        trial = self._folder.trial(number)
        finished = self.history.of(number)
        overlays = trial.path / "overlays.npz"
        state = digest(
            trial.parameters,
            trial.epochs,
            trial.result,
            trial.rows,
            overlays,
            extra="" if finished else str(running),
        )
        run = self._run(str(number), f"trial {number:04d}")
        if self._tags(run).get("fadeout.sent") == state:
            return False
        record = trial_record(self._config, self._folder, number, finished, running=running)
        sent = self._epochs_sent.get(run, 0)
        points = [point for point in record.points if finished or point.step > sent]
        self._send(run, record, points, state)
        self._epochs_sent[run] = max((point.step for point in record.points), default=0)
        return True

    def _connect(self) -> MlflowClient:
        if self._client is None:
            for name, value in ENVIRONMENT.items():
                os.environ.setdefault(name, value)
            from mlflow import MlflowClient

            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.WARNING)
            client = MlflowClient(tracking_uri(self._config, self._folder))
            self._experiment = self._find_experiment(client)
            self._client = client
        return self._client

    def _find_experiment(self, client: MlflowClient) -> str:
        name, expected = self._config.tracking.experiment, self._artifacts()
        found = client.get_experiment_by_name(name)
        if found is None:
            kind = {"mlflow.experimentKind": "custom_model_development"}  # how the UI shows it: model training
            return str(client.create_experiment(name, expected and str(expected), kind))
        own = self._config.tracking.uri is None
        if own and Path(urlsplit(found.artifact_location).path) != expected:
            raise StudyError(
                f"{self._folder.path}: the study was moved after it was tracked; "
                "remove its mlflow.db and mlartifacts and run study.sync, which writes both anew"
            )
        return str(found.experiment_id)

    def _artifacts(self) -> Path | None:
        """Beside an SQLite file, in the study's folder for another database; a server has its own place."""
        uri = tracking_uri(self._config, self._folder)
        if uri.startswith("sqlite:///"):
            return Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts"
        return (
            None
            if urlsplit(uri).scheme in ("http", "https", "databricks")
            else self._folder.path / "mlartifacts"
        )

    def _run(self, trial: str, name: str) -> str:
        """The id of the run with this study's tags; made if there is none."""
        if trial in self._runs:
            return self._runs[trial]
        client = self._connect()
        own = {"fadeout.study_id": self.history.study_id, "fadeout.trial": trial or "none"}
        where = " and ".join(f"tags.`{key}` = '{value}'" for key, value in own.items())
        found = client.search_runs([self._experiment], where, max_results=1)
        if found:
            self._runs[trial] = str(found[0].info.run_id)
            return self._runs[trial]
        tags = {
            **own,
            "fadeout.study": self._config.study.name,
            "mlflow.user": "fadeout",
            "mlflow.source.name": "fadeout",
        }
        if trial:
            tags["mlflow.parentRunId"] = self._run("", self._config.study.name)
        self._runs[trial] = str(client.create_run(self._experiment, tags=tags, run_name=name).info.run_id)
        return self._runs[trial]

    def _tags(self, run: str) -> dict[str, str]:
        return dict(self._connect().get_run(run).data.tags)

    def _send(self, run: str, record: RunRecord, points: list[Point], state: str) -> None:
        from mlflow.entities import Metric, Param, RunTag

        client = self._connect()
        there = client.get_run(run).data.params
        parameters = [Param(key, value) for key, value in record.parameters.items() if key not in there]
        tags = [RunTag(key, value) for key, value in {**record.tags, "fadeout.state": record.state}.items()]
        for start in range(0, len(parameters), 100):
            client.log_batch(run, params=parameters[start : start + 100])
        client.log_batch(run, tags=tags)
        metrics = [Metric(point.key, point.value, point.time_ms, point.step) for point in points]
        for start in range(0, len(metrics), BATCH):
            client.log_batch(run, metrics=metrics[start : start + BATCH])
        for name, table in record.tables.items():
            self._send_table(run, name, table)
        self._send_files(run, record)
        status = STATUS[record.state]
        if status == "RUNNING":
            client.update_run(run, status=status)
        else:
            client.set_terminated(
                run, status=status, end_time=max((point.time_ms for point in record.points), default=None)
            )
        client.set_tag(run, "fadeout.sent", state)

    def _send_files(self, run: str, record: RunRecord) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for name, content in record.documents.items():
                (folder / name).write_text(json.dumps(content, indent=2) + "\n")
            for name, figure in record.pictures.items():
                (folder / name).parent.mkdir(exist_ok=True)
                figure.savefig(folder / name, dpi=120)
            if any(folder.iterdir()):
                self._connect().log_artifacts(run, str(folder))

    def _send_table(self, run: str, name: str, table: pd.DataFrame) -> None:
        """`log_table` appends to a table that is there, so a changed one is written over it."""
        client = self._connect()
        content: Any = table.astype(dict.fromkeys(table.select_dtypes(include="string").columns, object))
        if name in {artifact.path for artifact in client.list_artifacts(run)}:
            client.log_text(run, content.to_json(orient="split", index=False), name)
        else:
            client.log_table(run, content, name)
