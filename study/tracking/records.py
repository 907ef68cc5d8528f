"""What the tracking says about a study and its trials: read from the study's folder, without MLflow.

Only subject keys, numbers, settings and pictures: no patient, no file name, no error text (it may name both).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from study.config import Config, validate
from study.records import FailedTrial, Finished, Ranking, StudyFolder, Summary, TrialFolder
from study.records.files import to_plain
from study.records.fits import Fits
from study.tracking.redaction import flatten, redact, redact_value, shown
from study.tracking.results import (
    METRICS_OF,
    gains_of,
    metric_name,
    metrics_of,
    result_metrics,
    study_note,
    trial_note,
)
from study.tracking.surroundings import surroundings
from study.training.epoch import Epoch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.tables import Table
    from study.evaluation.chains import Chains
    from study.evaluation.fit import PostprocessingFit

NO_PARAMETERS = frozenset(  # what may differ on resuming, and what tags say
    {"resume", "dry_run", "debug", "cluster", "study.trials", "study.replicates", "study.concurrency"}
    | {"ensemble.members"}
    | {"study.name", "study.root"}
)


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
    tables: list[Table] = field(default_factory=list)  # artifacts `<name>.json`
    pictures: dict[str, Figure] = field(default_factory=dict)
    pages: dict[str, bytes] = field(default_factory=dict)  # artifact name to HTML


def study_record(
    config: Config, folder: StudyFolder, finished: Sequence[Finished], *, running: bool, after: int = 0
) -> RunRecord:
    """The parent run: settings, splits, the best value as trials finish, the winner's table.

    Args:
        config: the study's.
        folder: the study's.
        finished: trials in the order in which they ended.
        running: the driver is at work.
        after: steps of the progress that are left out; each trial that ended is one.
    """
    content = config.model_dump(mode="json")
    record = RunRecord(
        name=config.study.name,
        tags={**surroundings(), **_cohort_tags(folder), "fadeout.device": config.trainer.device},
        parameters=_parameters(_chosen(content)),
        state=_study_state(folder, finished, running),
        ended_ms=max((event.time_ms for event in finished), default=None),
        points=list(_progress(finished, after)),
        documents={"config.json": redact(content)},
    )
    if prepared := folder.prepared.read_if_there():
        record.documents["splits.json"] = asdict(prepared.splits)
        record.documents["sizes.json"] = prepared.model_dump(
            mode="json", include={"spacing_mm", "median_shape"}
        )
    if not running and folder.report.exists:
        record.pages["report.html"] = folder.report.read()
    if summary := folder.summary.read_if_there():
        _add_winner(record, config, folder, summary, finished, running=running)
    return record


def trial_record(
    config: Config,
    folder: StudyFolder,
    number: int,
    finished: Finished | None,
    *,
    running: bool,
    name: str,
) -> RunRecord:
    """A nested run: its settings, its curves, and when it has finished its scores, table and pictures.

    Of the settings, those that were searched or differ from the defaults are parameters; the others are in an artifact.
    Only a complete trial has a picture of its curves; those of others are metrics, as for all.
    """
    trial = folder.trial(number)
    result = trial.result.read_if_there() if finished else None
    searched = trial.searched()
    settings = {**_chosen(config.model_dump(mode="json", exclude={"search_space"})), **searched}
    epochs = trial.training.epochs.read()
    record = RunRecord(
        name=name,
        tags={**surroundings(), **_cohort_tags(folder), "fadeout.device": config.trainer.device},
        parameters=_parameters(settings),
        state=result.state if result else ("running" if running else "interrupted"),
        ended_ms=finished.time_ms if finished else None,
        points=[point for epoch in epochs for point in _epoch_points(epoch)],
    )
    if result is None or finished is None:
        return record
    if not isinstance(result, FailedTrial):
        record.tags["fadeout.device"] = result.device
    step, time_ms = result.epochs, finished.time_ms
    record.points += [
        Point(key, value, time_ms, step) for key, value in _numbers(result_metrics(result, config.objective))
    ]
    record.documents["parameters.json"] = redact(searched)
    record.documents["config.json"] = redact(_with_values(config, searched))
    _add_tables(record, config, trial, step, finished.time_ms)
    record.tables = [table for table in record.tables if table.name in METRICS_OF]
    if record.tables:
        record.tags["mlflow.note.content"] = trial_note(record.tables)
    if epochs and result.state == "complete":
        from analysis.figures import training_curves

        record.pictures["training_curves.png"] = training_curves([epoch.to_dict() for epoch in epochs])
    if trial.fits.own.exists:
        _add_fit(record, trial.fits, step, time_ms)
    _add_overlays(record, trial)
    return record


def _add_fit(record: RunRecord, fits: Fits, step: int, time_ms: int) -> None:
    """What the search of the post-processing found, and the chains that are in force."""
    from analysis.figures import postprocessing_figure

    found = fits.own.read()
    record.points += [Point(key, value, time_ms, step) for key, value in _fit_metrics(found)]
    later = step + fits.applied  # what was applied later (study.postprocess) comes after
    record.points += [Point(key, value, time_ms, later) for key, value in _chain_metrics(fits.chains)]
    record.documents["postprocessing.json"] = to_plain(found)
    record.pictures["postprocessing.png"] = postprocessing_figure(found)


def _add_winner(
    record: RunRecord,
    config: Config,
    folder: StudyFolder,
    summary: Summary,
    finished: Sequence[Finished],
    *,
    running: bool,
) -> None:
    """The winner's number, tables and pictures, or why there is none."""
    if summary.no_winner is not None:
        record.tags["mlflow.note.content"] = f"No winner can be named, because {summary.no_winner}."
    if summary.winner is None or not finished:
        return
    trial = folder.trial(summary.winner)
    record.tags["fadeout.winner"] = str(summary.winner)
    _add_tables(record, config, trial, step=len(finished), time_ms=finished[-1].time_ms)
    if not running:  # it reads every trial
        record.tables += gains_of(config, folder)
    if record.tables:
        front = Ranking(folder).front if config.objective.front and not running else ()
        record.tags["mlflow.note.content"] = study_note(
            summary.winner, record.tables, config.objective, front
        )
    _add_overlays(record, trial)


def _parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    return {
        path: shown(redact_value(path, value))
        for path, value in settings.items()
        if path not in NO_PARAMETERS
    }


def _chosen(content: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a configuration that differ from the defaults, by dotted path."""
    defaults = _defaults()
    return {
        path: value
        for path, value in flatten(content).items()
        if path not in defaults or defaults[path] != value
    }


@cache
def _defaults() -> Mapping[str, Any]:
    return flatten(validate({"study": {"name": "defaults"}}).model_dump(mode="json"))


def _with_values(config: Config, values: Mapping[str, Any]) -> dict[str, Any]:
    return config.with_values(values).model_dump(mode="json", exclude={"search_space"})


def _study_state(folder: StudyFolder, finished: Sequence[Finished], running: bool) -> str:
    if running:
        return "running"
    all_ended = {event.trial for event in finished} >= {trial.number for trial in folder.trials()}
    return "complete" if all_ended and folder.summary.exists else "interrupted"


def _cohort_tags(folder: StudyFolder) -> dict[str, str]:
    prepared = folder.prepared.read_if_there()
    return {} if prepared is None else {"fadeout.cohort_hash": prepared.cohort_hash}


def _numbers(content: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in flatten(content).items():
        if isinstance(value, bool | int | float) and math.isfinite(value):
            yield metric_name(key), float(value)


def _epoch_points(epoch: Epoch) -> Iterator[Point]:
    values = {key: value for key, value in epoch.to_dict().items() if key not in ("epoch", "time_ms")}
    for key, value in _numbers(values):
        yield Point(f"curves/{key.removeprefix('val_')}", value, epoch.time_ms, epoch.epoch)


def _fit_metrics(found: PostprocessingFit) -> Iterator[tuple[str, float]]:
    numbers = {key: value for key, value in to_plain(found).items() if not isinstance(value, dict)}
    yield from ((f"postprocessing/{key}", value) for key, value in _numbers(numbers))


def _chain_metrics(chains: Chains) -> Iterator[tuple[str, float]]:
    """The settings of the steps that are taken: thresholds that nothing reads would only confuse."""
    for chain, prefix in ((chains.full, "postprocessing"), (chains.missing, "postprocessing_missing")):
        if chain is not None:
            settings = chain.model_dump(mode="json")
            taken = {str(step): settings[step] for step in chain.steps if step in settings}
            yield from ((f"{prefix}/{key}", value) for key, value in _numbers(taken))


def _progress(finished: Sequence[Finished], after: int) -> Iterator[Point]:
    states: dict[int, str] = {}
    counts: Counter[str] = Counter()
    best = -math.inf
    for step, event in enumerate(finished, start=1):
        counts[states.get(event.trial, "")] -= 1
        counts[event.state] += 1
        states[event.trial] = event.state
        if event.state == "complete" and event.value is not None:
            best = max(best, event.value)
        if step <= after:
            continue
        for state in ("complete", "pruned", "failed"):
            yield Point(f"trials/{state}", float(counts[state]), event.time_ms, step)
        if math.isfinite(best):
            yield Point("best_objective", best, event.time_ms, step)


def _add_tables(record: RunRecord, config: Config, trial: TrialFolder, step: int, time_ms: int) -> None:
    """The tables of a trial's rows that are not empty, and their means as metrics."""
    if not trial.rows.exists:
        return
    from analysis.method import Method
    from analysis.trial_tables import trial_tables

    method = Method.of(config.evaluation, config.study.seed)
    record.tables = trial_tables(trial.rows.read(), method, config.cohort.target)
    record.points += [
        Point(metric_name(key), float(value), time_ms, step)
        for key, value in metrics_of(record.tables).items()
        if math.isfinite(value)
    ]


def _add_overlays(record: RunRecord, trial: TrialFolder) -> None:
    if overlays := trial.overlays.read():
        from analysis.figures import overlay_figures

        for center, figure in overlay_figures(overlays).items():
            record.pictures[f"overlays/{metric_name(center).replace('/', '_')}.png"] = figure
