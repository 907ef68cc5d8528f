"""Where a study stands, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from study.commandline.progress import about, duration
from study.config.words import number_of
from study.records.status import FailureStatus, RunningTrial, StudyStatus, TrackingStatus

__all__ = ["COLUMNS", "cells", "counts", "headline", "left", "remarks", "status_line", "status_lines"]

COLUMNS = ("trial", "epoch", "rung", "objective", "s/epoch", "left")
FEW = 5  # trials of one failure that are named


def status_lines(status: StudyStatus) -> Iterator[str]:
    """All of it, for `study.status`."""
    yield headline(status)
    yield f"  {_driver(status)}"
    if known := counts(status):
        yield f"  {known}"
    if status.running:
        rows = [COLUMNS, *(cells(trial) for trial in status.running)]
        yield from (f"  {line}" for line in _aligned(rows))
    yield from (f"  {line}" for line in remarks(status))
    if status.driver is None and not _is_over(status):
        yield "  continue with the study's command and resume=true"


def status_line(status: StudyStatus) -> str | None:
    """What runs, in one line; None while nothing runs."""
    if not status.running:
        return None
    trials = [_in_short(trial) for trial in status.running[:3]]
    more = len(status.running) - len(trials)
    parts = [*trials, f"and {more} more" if more else "", left(status)]
    return f"{status.trials.ended} of {status.requested} trials ended; " + "; ".join(filter(None, parts))


def headline(status: StudyStatus) -> str:
    """How many trials have ended."""
    return f"Study {status.study}: {status.trials.ended} of {status.requested} trials ended"


def counts(status: StudyStatus) -> str:
    """The number of trials by state, and of replicates; states without trials are left out."""
    kinds = [("", status.trials), ("replicates: ", status.replicates or ())]
    told = [
        (kind, ", ".join(f"{count} {state}" for state, count in states if count)) for kind, states in kinds
    ]
    return "; ".join(f"{kind}{states}" for kind, states in told if states)


def left(status: StudyStatus) -> str:
    """The time left; "" if it is not known."""
    return f"{about(status.left.seconds)} left" if status.left is not None else ""


def cells(trial: RunningTrial) -> tuple[str, ...]:
    """A running trial, in the order of `COLUMNS`."""
    return (
        _name(trial),
        _epoch(trial),
        f"{trial.rung}/{trial.rungs}" if trial.rungs else "-",
        "-" if trial.objective is None else f"{trial.objective:.3f}",
        "-" if trial.epoch_s is None else f"{trial.epoch_s:.3g}",
        "-" if trial.left_s is None else duration(trial.left_s),
    )


def remarks(status: StudyStatus) -> Iterator[str]:
    """The best trial, how the time left is estimated, what MLflow has, and failures."""
    if status.best is not None:
        yield f"best so far: trial {status.best.trial}, objective {status.best.objective:.3f}"
        if front := status.best.front:
            named = ", ".join(map(str, front[:FEW])) + (
                f" and {len(front) - FEW} more" if len(front) > FEW else ""
            )
            yield f"Pareto front: {'trials' if len(front) > 1 else 'trial'} {named}"
    if (ensemble := status.ensemble) is not None and ensemble.objective is not None:
        numbers = ", ".join(map(str, ensemble.trials))
        yield f"ensemble: trials {numbers}, objective {ensemble.objective:.3f} (cross-fitted)"
    if (time := status.left) is not None:
        judging = f" and {duration(time.judging_s)} of judging" if time.judging_s >= 1 else ""
        yield (
            f"{left(status)}: {number_of(time.trials, 'trial')}, {time.at_a_time} at a time, "
            f"of {time.epochs:.3g} epochs of {time.epoch_s:.3g} s{judging}"
        )
    if status.tracking is not None:
        yield from _tracking(status.tracking)
    yield from map(_failure, status.failures)


def _name(trial: RunningTrial) -> str:
    return str(trial.trial) if trial.seed is None else f"{trial.trial}, seed {trial.seed}"


def _driver(status: StudyStatus) -> str:
    driver = status.driver
    if driver is None:
        return "nothing runs it"
    if driver.host is None:
        return "a process prepares or starts it"
    since = datetime.fromtimestamp((driver.since_ms or 0) / 1000).astimezone()
    who = f"process {driver.process} on {driver.host}, since {since:%Y-%m-%d %H:%M}"
    machines = f"; machines: {', '.join(driver.machines)}" if driver.machines else ""
    if driver.state == "unknown":
        return f"last run by {who}; whether it runs still cannot be seen from this machine"
    return f"run by {who} ({duration((status.time_ms - (driver.since_ms or 0)) / 1000)}){machines}"


def _epoch(trial: RunningTrial) -> str:
    if trial.stage in ("starting", "judging"):
        return trial.stage
    return f"{'pretraining ' if trial.stage == 'pretraining' else ''}{trial.epoch}/{trial.epochs}"


def _in_short(trial: RunningTrial) -> str:
    objective = "" if trial.objective is None else f", objective {trial.objective:.3f}"
    return f"trial {_name(trial)}: {'epoch ' if trial.stage == 'training' else ''}{_epoch(trial)}{objective}"


def _tracking(tracking: TrackingStatus) -> Iterator[str]:
    """What MLflow has; nothing as long as there is nothing to send."""
    ended = tracking.sent + tracking.waiting
    has = f"{tracking.sent} of {ended}" if tracking.waiting else f"all {ended}"
    if tracking.failure is not None:
        yield f"MLflow is away, and has {has} trials that ended ({tracking.failure})"
    elif ended:
        yield f"MLflow has {has} trials that ended"


def _failure(failure: FailureStatus) -> str:
    named = ", ".join(map(str, failure.trials[:FEW])) + (", …" if failure.count > FEW else "")
    trials = "trial" if failure.count == 1 else "trials"
    return f"{failure.count} failed: {' '.join(failure.reason.split())} ({trials} {named})"


def _is_over(status: StudyStatus) -> bool:
    """Whether nothing is left to be run; without a complete trial, none is repeated."""
    repeated = status.best is None or status.replicates is None or not status.replicates.pending
    return not status.trials.pending and repeated


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table whose columns are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
