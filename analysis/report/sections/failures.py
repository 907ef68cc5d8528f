"""Trials that failed, with their reasons."""

from __future__ import annotations

from analysis.report.content import Section
from analysis.report.view import StudyView
from analysis.report.words import counted, setting
from analysis.tables import Column, Table


def failures(view: StudyView) -> Section:
    """How trials ended; the failed ones by reason."""
    states = {state: sum(one.state == state for one in view.trials) for state in STATES}
    told = ", ".join(f"{number} {state}" for state, number in states.items() if number) or "none has begun"
    prose = f"Of {counted(view.config.study.trials, 'trial')} asked for: {told}."
    by_reason: dict[str, list[int]] = {}
    for trial in view.trials:
        if trial.error is not None:
            by_reason.setdefault(trial.error, []).append(trial.number)
    if not by_reason:
        return Section("failures", "Failures", (prose, "No trial failed."))
    lines = sorted(by_reason.items(), key=lambda entry: (-len(entry[1]), entry[1]))
    table = Table(
        "failures",
        "Why trials failed, the most frequent reason first",
        (Column("reason", "reason"), Column("n_trials", "trials", "count"), Column("trials", "which")),
        tuple((reason, len(numbers), setting(numbers)) for reason, numbers in lines),
    )
    return Section("failures", "Failures", (prose,), tables=(table,))


STATES = ("complete", "pruned", "failed", "not ended")
