"""What the tracking says about a study and its trials: read from the study's folder, without MLflow.

Only subject keys, numbers, settings and pictures: no patient, no file name, no error text (it may name both).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.config import Config
from study.results import StudyFolder, TrialFolder, read_json, read_rows
from study.tracking.history import Finished
from study.tracking.redaction import flatten, redact, redact_value, shown
from study.tracking.surroundings import surroundings

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RUN_CONTROL = frozenset(
    {"resume", "dry_run", "debug", "study.trials", "study.concurrency"}
)  # may differ on resuming
TABLE, OCCLUSIONS = "cross_center.json", "occlusions.json"
BY_OCCLUSION = ("dice", "detected", "false_positives", "false_negatives")  # logged as metrics
SPLIT_NAMES = ("train", "validation", "test", "unseen", "control")


@dataclass(frozen=True)
class Point:
    """One value of a metric; the time is part of what is stored, so that a second sending changes nothing."""

    key: str
    value: float
    time_ms: int
    step: int


@dataclass
class RunRecord:
    """All that one MLflow run holds."""

    name: str
    tags: dict[str, str]
    parameters: dict[str, str]
    state: str  # running, interrupted, complete, pruned or failed
    ended_ms: int | None = None
    points: list[Point] = field(default_factory=list)
    documents: dict[str, Any] = field(default_factory=dict)  # artifact name to JSON content
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    pictures: dict[str, Figure] = field(default_factory=dict)


def study_record(
    config: Config, folder: StudyFolder, finished: list[Finished], *, running: bool
) -> RunRecord:
    """The parent run: settings, splits, the best value as trials finish, the winner's table.

    Args:
        config: the study's.
        folder: the study's.
        finished: trials in the order in which they ended.
        running: the driver is at work.
    """
    content = config.model_dump(mode="json")
    record = RunRecord(
        name=config.study.name,
        tags={**surroundings(), **_plan_tags(folder), "fadeout.device": config.trainer.device},
        parameters=_parameters(content),
        state=_study_state(folder, finished, running),
        ended_ms=finished[-1].time_ms if finished else None,
        points=list(_progress(finished)),
        documents={"config.json": redact(content)},
    )
    if folder.splits.is_file():
        splits = read_json(folder.splits)
        record.documents["splits.json"] = {name: splits[name] for name in SPLIT_NAMES if name in splits}
    if folder.plan.is_file():
        plan = read_json(folder.plan)
        record.documents["plan.json"] = {
            key: plan[key] for key in ("spacing_mm", "median_shape") if key in plan
        }
    winner = read_winner(folder)
    if winner is not None and finished:
        trial = folder.trial(winner)
        record.tags["fadeout.winner"] = str(winner)
        _add_tables(record, config, trial, step=len(finished), time_ms=finished[-1].time_ms)
        if record.tables:
            record.tags["mlflow.note.content"] = _note(winner, record.tables)
        _add_overlays(record, trial)
    return record


def trial_record(
    config: Config, folder: StudyFolder, number: int, finished: Finished | None, *, running: bool
) -> RunRecord:
    """A nested run: its settings, its curves, and when it has finished its scores, table and pictures."""
    trial = folder.trial(number)
    result = trial.read_result() if finished else None
    searched = read_json(trial.parameters) if trial.parameters.is_file() else {}
    settings = {**flatten(config.model_dump(mode="json", exclude={"search_space"})), **searched}
    epochs = read_epochs(trial)
    record = RunRecord(
        name=f"trial {number:04d}",
        tags={**surroundings(), **_plan_tags(folder), "fadeout.device": config.trainer.device},
        parameters=_parameters(settings),
        state=str(result["state"]) if result else ("running" if running else "interrupted"),
        ended_ms=finished.time_ms if finished else None,
        points=[point for epoch in epochs for point in _epoch_points(epoch)],
    )
    if result is None or finished is None:
        return record
    record.tags["fadeout.device"] = str(result.get("device", config.trainer.device))
    step = int(result.get("epochs") or 0)
    record.points += [Point(key, value, finished.time_ms, step) for key, value in _result_metrics(result)]
    applied = step + int(result.get("applied", 0))  # what was applied later (study.postprocess) comes after
    record.points += [Point(key, value, finished.time_ms, applied) for key, value in _fitted_metrics(result)]
    record.documents["parameters.json"] = redact(searched)
    record.documents["config.json"] = redact(_with_values(config, searched))
    _add_tables(record, config, trial, step, finished.time_ms)
    if epochs:
        from analysis.figures import training_curves

        record.pictures["training_curves.png"] = training_curves(epochs)
    if trial.postprocessing.is_file():
        from analysis.figures import postprocessing_figure

        found = read_json(trial.postprocessing)
        record.documents["postprocessing.json"] = found
        record.pictures["postprocessing.png"] = postprocessing_figure(found)
    _add_overlays(record, trial)
    return record


def read_winner(folder: StudyFolder) -> int | None:
    """The winner's number that the study's summary names, None while there is none."""
    if not folder.summary.is_file():
        return None
    winner = read_json(folder.summary).get("winner")
    return None if winner is None else int(winner["trial"])


def read_epochs(trial: TrialFolder) -> list[dict[str, Any]]:
    """The epochs that are wholly written; a line that is just being appended is left for the next time."""
    if not trial.epochs.is_file():
        return []
    text = trial.epochs.read_text()
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def begun_ms(first_file: Path) -> int | None:
    """When a study or trial began: when its first file was written; None if that is not there."""
    return int(first_file.stat().st_mtime * 1000) if first_file.is_file() else None


def digest(*paths: Path, extra: str = "") -> str:
    """What identifies the content of some files, absent ones included."""
    content = hashlib.sha256(extra.encode())
    for path in paths:
        content.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"-")
    return content.hexdigest()[:32]


def _parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    flat = flatten(settings)
    return {path: shown(redact_value(path, value)) for path, value in flat.items() if path not in RUN_CONTROL}


def _with_values(config: Config, values: Mapping[str, Any]) -> dict[str, Any]:
    return config.with_values(values).model_dump(mode="json", exclude={"search_space"})


def _study_state(folder: StudyFolder, finished: list[Finished], running: bool) -> str:
    if running:
        return "running"
    all_ended = {event.trial for event in finished} >= {trial.number for trial in folder.trials()}
    return "complete" if all_ended and folder.summary.is_file() else "interrupted"


def _plan_tags(folder: StudyFolder) -> dict[str, str]:
    plan = read_json(folder.plan) if folder.plan.is_file() else {}
    return {"fadeout.cohort_hash": str(plan["cohort_hash"])} if "cohort_hash" in plan else {}


def _numbers(content: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in flatten(content).items():
        if isinstance(value, bool | int | float) and math.isfinite(value):
            yield metric_name(key), float(value)


def metric_name(text: str) -> str:
    """The text with what MLflow refuses in a metric's name replaced."""
    return re.sub(r"[^\w\-. :/]", "_", text)


def _epoch_points(epoch: Mapping[str, Any]) -> Iterator[Point]:
    for key, value in _numbers(
        {key: value for key, value in epoch.items() if key not in ("epoch", "time_ms")}
    ):
        yield Point(key, value, int(epoch["time_ms"]), int(epoch["epoch"]))


def _result_metrics(result: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    yield from _numbers({key: result.get(key) for key in ("value", "seconds", "epochs")})
    crossfit = result.get("crossfit") or {}
    numbers = {key: value for key, value in crossfit.items() if not isinstance(value, dict)}
    yield from ((f"crossfit/{key}", value) for key, value in _numbers(numbers))


def _fitted_metrics(result: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The settings of the steps that are taken: thresholds that nothing reads would only confuse."""
    for name, prefix in (("full", "fitted"), ("missing", "fitted_missing")):
        if settings := (result.get("postprocessing") or {}).get(name):
            taken = {step: settings[step] for step in settings["steps"] if step in settings}
            yield from ((f"{prefix}/{key}", value) for key, value in _numbers(taken))


def _progress(finished: list[Finished]) -> Iterator[Point]:
    states: dict[int, str] = {}
    best = -math.inf
    for step, event in enumerate(finished, start=1):
        states[event.trial] = event.state
        for state in ("complete", "pruned", "failed"):
            count = sum(other == state for other in states.values())
            yield Point(f"trials_{state}", float(count), event.time_ms, step)
        if event.state == "complete" and event.value is not None:
            best = max(best, event.value)
        if math.isfinite(best):
            yield Point("best_value", best, event.time_ms, step)


def _add_tables(record: RunRecord, config: Config, trial: TrialFolder, step: int, time_ms: int) -> None:
    """The tables of a trial's rows that are not empty, and their means as metrics."""
    if not trial.rows.is_file():
        return
    from analysis.tables import cross_center_table, occlusion_table, tells_occlusions

    rows, resamples = read_rows(trial.rows), (config.evaluation.bootstrap, config.study.seed)
    values: dict[str, float] = {}
    table = cross_center_table(rows, *resamples)
    if len(table):
        record.tables[TABLE] = table
        for cell in table.to_dict("records"):
            values[f"test_dice/{cell['center']}/{_given(cell)}"] = cell["dice"]
    if tells_occlusions(rows, config.cohort.target):
        record.tables[OCCLUSIONS] = occlusion_table(rows, *resamples)
        for cell in record.tables[OCCLUSIONS].to_dict("records"):
            values |= _occlusion_values(cell)
    record.points += [
        Point(metric_name(key), float(value), time_ms, step)
        for key, value in values.items()
        if math.isfinite(value)
    ]


def _occlusion_values(cell: Mapping[Any, Any]) -> dict[str, float]:
    """What one line of the table by occlusion is compared by; sizes and volumes are in the table itself."""
    centers = "seen" if cell["seen"] else "unseen"
    where = f"{centers}_centers/{cell['occlusion']}/{_given(cell)}"
    return {f"test_{metric}/{where}": cell[metric] for metric in BY_OCCLUSION}


def _given(cell: Mapping[Any, Any]) -> str:
    return f"without_{cell['removed'].replace('+', '_')}" if cell["removed"] else "all"


def _note(winner: int, tables: Mapping[str, pd.DataFrame]) -> str:
    from analysis.text import OCCLUSION_NOTE, to_markdown

    parts = [f"Winner: trial {winner}"]
    for name, table in tables.items():
        parts += [OCCLUSION_NOTE] if name == OCCLUSIONS else []
        parts.append(to_markdown(table))
    return "\n\n".join(parts)


def _add_overlays(record: RunRecord, trial: TrialFolder) -> None:
    path = trial.path / "overlays.npz"
    if path.is_file():
        from analysis.figures import read_overlays

        for center, figure in read_overlays(path).items():
            record.pictures[f"overlays/{metric_name(center).replace('/', '_')}.png"] = figure
