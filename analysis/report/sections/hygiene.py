"""Who chose what, on whose data."""

from __future__ import annotations

from collections import Counter

from analysis.report.content import Section
from analysis.report.view import StudyView
from analysis.report.words import counted, listed
from analysis.tables import Column, Table
from study.config import Config, SplitsConfig
from study.config.objective import DICE
from study.records import PreparedStudy
from study.records.goals import GOALS, rule_in_words

USES = {
    "train": "trained on",
    "validation": "chosen on",
    "test": "tested on",
    "unseen": "tested on, unseen center",
    "control": "control scans, tested apart",
}


def hygiene(view: StudyView) -> Section:
    """Each choice of the study and the data it was made on, and how many subjects each center gave."""
    tested = sum(trial.is_complete for trial in view.trials)
    prose = (
        "Nothing was chosen on test subjects: they were scored once in each complete trial, after all choices of that "
        f"trial. Test results of {counted(tested, 'trial')} exist; whoever picks a trial by them chooses on test data, "
        "and the numbers of that trial are then too good.",
        "Patients are split whole: all scans of a patient are in the same part.",
    )
    tables = (
        _choices(view),
        *([_subjects(view.prepared, view.config.cohort.splits)] if view.prepared else []),
    )
    return Section("hygiene", "Who chose what", prose, tables=tables)


def _choices(view: StudyView) -> Table:
    config = view.config
    searched = sorted({path for trial in view.trials for path in trial.searched})
    validation = "validation subjects of seen centers"
    if config.objective.centers:
        validation += f" ({listed(config.objective.centers)})"
    rows = [
        ("intensity landmarks", "learnt from images alone", "training subjects"),
        ("weights of the networks", "gradient descent", "training subjects"),
        (listed(searched) or "settings", _sampler(config, bool(searched)), validation),
        ("stopping of trials", _stopping(config), validation),
        ("post-processing", "search, each half scored under what fits the other", validation),
        ("the winner", rule_in_words(config.objective), validation),
        ("the tables of this page", "no choice", "test subjects of seen and unseen centers"),
    ]
    if config.imaging.normalisation != "nyul":
        rows = rows[1:]
    return Table(
        "choices",
        "What was chosen, how, and on which data",
        (Column("what", "what"), Column("how", "how"), Column("data", "on")),
        tuple(rows),
        (f"The objective: {objective_in_words(config)}.",),
    )


def _sampler(config: Config, searched: bool) -> str:
    return (
        f"sampler {config.tuning.sampler}, {counted(config.study.trials, 'trial')}"
        if searched
        else "set by hand"
    )


def _stopping(config: Config) -> str:
    scheduler = config.tuning.scheduler
    return "none is stopped early" if scheduler == "none" else f"scheduler {scheduler}, at its rungs"


def objective_in_words(config: Config) -> str:
    """The weights of the objective, in words."""
    weights = config.objective
    parts = {GOALS[goal]: float(getattr(weights, goal)) for goal in DICE}
    return listed([f"{weight:g} × {name}" for name, weight in parts.items() if weight])


def _subjects(prepared: PreparedStudy, settings: SplitsConfig) -> Table:
    centers = {key: facts.center for key, facts in prepared.facts.items()}
    counts = {use: Counter(centers[key] for key in getattr(prepared.splits, use)) for use in USES}
    uses = [use for use, count in counts.items() if count]
    names = sorted({center for count in counts.values() for center in count})
    skipped = f" {counted(prepared.skipped, 'subject')} with problems left out." if prepared.skipped else ""
    fixed = settings.kind == "fixed"
    how = (
        "Split as a file says." if fixed else f"Split by patient, stratified by center, seed {settings.seed}."
    )
    return Table(
        "subjects",
        "Subjects by center and use",
        (Column("center", "center"), *(Column(use, USES[use], "count") for use in uses)),
        tuple((name, *(counts[use][name] for use in uses)) for name in names),
        (f"{how}{skipped}",),
    )
