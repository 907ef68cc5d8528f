"""The MLflow side: finds or makes a study's runs, and writes records into them.

Sending is idempotent: runs are found by tags, metrics carry their own times, artifacts are overwritten. In a study
that was moved the artifacts' addresses are stale: remove `mlflow.db` and `mlartifacts`, and `python -m study.sync`
writes both anew.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from study.config import Tracking, with_password
from study.errors import StudyError
from study.machine.temporary import temporary_folder
from study.records import StudyFolder
from study.tracking.records import Point, RunRecord
from study.tracking.results import CHOICE

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

MOST_METRICS, MOST_PARAMETERS = 800, 100  # at once: MLflow takes 100 parameters, 100 tags, and 1,000 of all
MLFLOW_DATABASE = "mlflow.db"  # in the study's folder
PAGE = 200  # runs that are read at once, each with all its parameters and metrics
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
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # the UI shows it as model training
    "mlflow.note.content": CHOICE,  # above the table in which trials are sorted
}
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # no such model; no such alias
QUICK_PNG = {"compress_level": 1}  # a third larger than the smallest, in a third of the time
NEUTRAL_TAGS = {"mlflow.user": "fadeout", "mlflow.source.name": "fadeout"}  # no account, no path
Item = TypeVar("Item")


@dataclass
class StoredRun:
    """A run of the store.

    Attributes:
        id: in the store.
        name: as it is shown.
        seal: the tags that were last written, when all else of a record was there.
        new: it was made by this process, and has no parameters but those of this process.
        complete: this process has written a whole record, of which parameters never change.
    """

    id: str
    name: str
    seal: dict[str, str] = field(default_factory=dict)
    new: bool = False
    complete: bool = False


def tracking_uri(tracking: Tracking, folder: StudyFolder) -> str:
    """The MLflow store of a study, without its password: as configured, or SQLite in the study's folder."""
    return tracking.uri or f"sqlite:///{folder.path.resolve() / MLFLOW_DATABASE}"


def _make_database(path: Path) -> None:
    """Make a new database whole or not at all: MLflow refuses one whose tables a killed process has half made."""
    if path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    begun = path.with_name(f"{path.name}.new")
    begun.unlink(missing_ok=True)
    SqlAlchemyStore(f"sqlite:///{begun}", str(path.with_name("mlartifacts"))).engine.dispose()
    begun.replace(path)


class RunStore:
    """The runs of one experiment; connects at once, which imports MLflow. Raises whatever MLflow raises.

    Attributes:
        experiment: its identity in the store.
    """

    def __init__(self, tracking: Tracking, folder: StudyFolder) -> None:
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        uri = tracking_uri(tracking, folder)
        if tracking.uri is None:
            _make_database(folder.path.resolve() / "mlflow.db")
        self._client: MlflowClient = MlflowClient(with_password(uri))
        own_place = _artifact_folder(uri, folder)
        found = self._client.get_experiment_by_name(tracking.experiment)
        if found is None:
            location = None if own_place is None else str(own_place)
            self.experiment = self._client.create_experiment(tracking.experiment, location, EXPERIMENT_TAGS)
            return
        if tracking.uri is None and found.artifact_location != str(own_place):
            raise StudyError(
                f"{folder.path}: the study was moved after it was tracked; "
                "remove its mlflow.db and mlartifacts and run study.sync, which writes both anew"
            )
        self.experiment = found.experiment_id

    def tag_experiment(self, name: str, value: str) -> None:
        """Set a tag of the experiment."""
        self._client.set_experiment_tag(self.experiment, name, value)

    def runs(self, tag: str, value: str, key: str, seals: Collection[str]) -> dict[str, StoredRun]:
        """All runs in which a tag has this value.

        Args:
            tag: that they share.
            value: of it.
            key: the tag that tells them apart; the result is by its value.
            seals: tags that seal a run.
        """
        found: dict[str, StoredRun] = {}
        token = None
        while True:
            where = f"tags.`{tag}` = '{value}'"
            page = self._client.search_runs([self.experiment], where, max_results=PAGE, page_token=token)
            for run in page:
                tags = run.data.tags
                seal = {name: tags[name] for name in seals if name in tags}
                found[tags[key]] = StoredRun(run.info.run_id, run.info.run_name, seal)
            if not (token := page.token):
                return found

    def make(self, tags: Mapping[str, str], name: str, begun_ms: int | None) -> StoredRun:
        """A new run with these tags."""
        made = self._client.create_run(
            self.experiment, start_time=begun_ms, tags={**NEUTRAL_TAGS, **tags}, run_name=name
        )
        return StoredRun(made.info.run_id, name, new=True)

    def write(
        self, run: StoredRun, record: RunRecord, points: Sequence[Point], seal: Mapping[str, str]
    ) -> None:
        """Write a record into a run, of its metrics these points; the tags of `seal` come last, when all is there."""
        for table in record.tables:  # before the numbers, which MLflow reads for each artifact
            self._write_table(run.id, f"{table.name}.json", table.frame())
        self._write_files(run.id, record)
        self._write_numbers(run, record, points)
        if record.name != run.name:
            self._client.update_run(run.id, name=record.name)
            run.name = record.name
        status = STATUS[record.state]
        if status == "RUNNING":
            self._client.update_run(run.id, status=status)
        else:
            self._client.set_terminated(run.id, status=status, end_time=record.ended_ms)
        for key, value in seal.items():
            self._client.set_tag(run.id, key, value)
        run.seal, run.complete = dict(seal), True

    def model_tags(self, name: str, alias: str) -> dict[str, str]:
        """The tags of the version of a registered model that an alias names; empty if there is none."""
        from mlflow.exceptions import MlflowException

        try:
            return dict(self._client.get_model_version_by_alias(name, alias).tags)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise
            return {}

    def register(
        self, run: StoredRun, model: Path, path: str, name: str, alias: str, tags: Mapping[str, str]
    ) -> None:
        """Store a model among the artifacts of a run, and let an alias of a registered model name it.

        Args:
            run: that it is of.
            model: a folder as MLflow saves a model.
            path: where it is put among the run's artifacts.
            name: of the registered model, of which this is a new version.
            alias: of the version.
            tags: of the version.
        """
        from mlflow.exceptions import MlflowException

        self._client.log_artifacts(run.id, str(model), path)
        source = f"{self._client.get_run(run.id).info.artifact_uri}/{path}"
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        version = self._client.create_model_version(name, source, run.id, tags=dict(tags))
        self._client.set_registered_model_alias(name, alias, version.version)

    def _write_numbers(self, run: StoredRun, record: RunRecord, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        tags = [RunTag(key, value) for key, value in {**record.tags, "fadeout.state": record.state}.items()]
        parameters = [Param(key, value) for key, value in self._missing(run, record.parameters).items()]
        metrics = [Metric(point.key, point.value, point.time_ms, point.step) for point in points]
        for some, others in zip_longest(
            _parts(parameters, MOST_PARAMETERS), _parts(metrics, MOST_METRICS), fillvalue=()
        ):
            self._client.log_batch(run.id, metrics=others, params=some, tags=tags)
            tags = []
        if tags:
            self._client.log_batch(run.id, tags=tags)

    def _missing(self, run: StoredRun, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """The parameters that a run lacks; MLflow refuses another value for one that is there."""
        if run.new or run.complete:
            return {} if run.complete else parameters
        there = self._client.get_run(run.id).data.params
        return {key: value for key, value in parameters.items() if key not in there}

    def _write_files(self, run: str, record: RunRecord) -> None:
        with temporary_folder("tracking") as temporary:
            folder = temporary / "artifacts"
            folder.mkdir()
            for name, content in record.documents.items():
                (folder / name).write_text(json.dumps(content, indent=2) + "\n")
            for name, page in record.pages.items():
                (folder / name).write_bytes(page)
            for name, figure in record.pictures.items():
                (folder / name).parent.mkdir(exist_ok=True)
                figure.savefig(folder / name, dpi=120, pil_kwargs=QUICK_PNG)
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
