"""The MLflow side: finds or makes a study's runs, and writes records into them.

Runs are found by tags, metrics carry their own times, artifacts are overwritten: what is written twice is stored
once. A folder that was moved keeps its rows but not the artifacts' addresses: remove `mlflow.db` and
`mlartifacts`, then `python -m study.sync` writes both anew.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from study.config import Config
from study.errors import StudyError
from study.results import StudyFolder
from study.tracking.records import Point, RunRecord

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

MOST_METRICS, MOST_PARAMETERS = 1000, 100  # that MLflow takes at once
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
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}  # the UI shows it as model training
NEUTRAL_TAGS = {"mlflow.user": "fadeout", "mlflow.source.name": "fadeout"}  # no account, no path
Item = TypeVar("Item")


def tracking_uri(config: Config, folder: StudyFolder) -> str:
    """The MLflow store of a study: as configured, or SQLite in the study's folder."""
    return config.tracking.uri or f"sqlite:///{folder.path.resolve() / 'mlflow.db'}"


def without_password(text: str, uri: str) -> str:
    """A text that may name an address, as it may be printed."""
    password = urlsplit(uri).password
    return text.replace(f":{password}@", ":***@") if password else text


class RunStore:
    """The runs of one experiment; connects at once, which imports MLflow. Raises whatever MLflow raises."""

    def __init__(self, config: Config, folder: StudyFolder) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        uri = tracking_uri(config, folder)
        self._client: MlflowClient = MlflowClient(uri)
        own_place = _artifact_folder(uri, folder)
        found = self._client.get_experiment_by_name(config.tracking.experiment)
        if found is None:
            location = None if own_place is None else str(own_place)
            self._experiment = self._client.create_experiment(
                config.tracking.experiment, location, EXPERIMENT_TAGS
            )
            return
        if config.tracking.uri is None and found.artifact_location != str(own_place):
            raise StudyError(
                f"{folder.path}: the study was moved after it was tracked; "
                "remove its mlflow.db and mlartifacts and run study.sync, which writes both anew"
            )
        self._experiment = found.experiment_id

    def find_or_make(
        self, identity: Mapping[str, str], tags: Mapping[str, str], name: str, begun_ms: int | None
    ) -> str:
        """The id of the run with the tags of `identity`; if there is none, a new one with the other tags, too."""
        where = " and ".join(f"tags.`{key}` = '{value}'" for key, value in identity.items())
        found = self._client.search_runs([self._experiment], where, max_results=1)
        if found:
            return str(found[0].info.run_id)
        made = self._client.create_run(
            self._experiment, start_time=begun_ms, tags={**NEUTRAL_TAGS, **tags, **identity}, run_name=name
        )
        return str(made.info.run_id)

    def tags(self, run: str) -> dict[str, str]:
        """The tags of a run."""
        return dict(self._client.get_run(run).data.tags)

    def write(self, run: str, record: RunRecord, points: Sequence[Point], seal: Mapping[str, str]) -> None:
        """Write a record into a run, of its metrics these points; the tags of `seal` come last, when all is there."""
        from mlflow.entities import Metric, Param, RunTag

        client = self._client
        there = client.get_run(run).data.params
        tags = {**record.tags, "fadeout.state": record.state}
        client.log_batch(run, tags=[RunTag(key, value) for key, value in tags.items()])
        parameters = [Param(key, value) for key, value in record.parameters.items() if key not in there]
        for part in _parts(parameters, MOST_PARAMETERS):
            client.log_batch(run, params=part)
        metrics = [Metric(point.key, point.value, point.time_ms, point.step) for point in points]
        for part in _parts(metrics, MOST_METRICS):
            client.log_batch(run, metrics=part)
        for name, table in record.tables.items():
            self._write_table(run, name, table)
        self._write_files(run, record)
        status = STATUS[record.state]
        if status == "RUNNING":
            client.update_run(run, status=status)
        else:
            client.set_terminated(run, status=status, end_time=record.ended_ms)
        client.log_batch(run, tags=[RunTag(key, value) for key, value in seal.items()])

    def _write_files(self, run: str, record: RunRecord) -> None:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for name, content in record.documents.items():
                (folder / name).write_text(json.dumps(content, indent=2) + "\n")
            for name, figure in record.pictures.items():
                (folder / name).parent.mkdir(exist_ok=True)
                figure.savefig(folder / name, dpi=120)
            if any(folder.iterdir()):
                self._client.log_artifacts(run, str(folder))

    def _write_table(self, run: str, name: str, table: pd.DataFrame) -> None:
        """`log_table` appends to a table that is there, so a changed one is written over it."""
        content: Any = table.astype(dict.fromkeys(table.select_dtypes(include="string").columns, object))
        if name in {artifact.path for artifact in self._client.list_artifacts(run)}:
            self._client.log_text(run, content.to_json(orient="split", index=False), name)
        else:
            self._client.log_table(run, content, name)


def _artifact_folder(uri: str, folder: StudyFolder) -> Path | None:
    """Beside an SQLite file, in the study's folder for another database; None: a server has its own place."""
    if uri.startswith("sqlite:///"):
        return Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts"
    if urlsplit(uri).scheme in ("http", "https", "databricks"):
        return None
    return folder.path.resolve() / "mlartifacts"


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
