"""The report at the end of a study: the winner, its parameters, its tables, and next steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from analysis.certainty import certainty, certainty_in_words
from analysis.ensemble import ensemble_in_words, ensemble_tables
from analysis.gains import gain_table
from analysis.method import Method
from analysis.rendering import to_text, without_repeats
from analysis.rule import AGAINST_RULE, rule_tables
from analysis.synthesis import synthesis_table
from analysis.system_tables import rows_of_systems, system_tables
from analysis.trial_tables import trial_tables
from search_spaces.space import SearchSpace
from study.config import Config
from study.errors import AllFailedError
from study.machine.shell import command_line, near_path
from study.records import (
    CompleteTrial,
    Ranking,
    StudyFolder,
    Summary,
    TrialFolder,
    common_reason,
)
from study.records.goals import GOALS, goals_of, rule_in_words
from study.tracking import MLFLOW_DATABASE
from study.workflow.doubts import evidence_doubts


def summarise(config: Config, folder: StudyFolder) -> Summary:
    """How the trials ended, and which one won."""
    ranking = Ranking(folder)
    states = dict(ranking.states)
    if ranking.no_winner is not None:
        return Summary(study=config.study.name, states=states, winner=None, no_winner=ranking.no_winner)
    independent = {inputs: trial.number for inputs, trial in sorted(ranking.winners().items())}
    return Summary(
        study=config.study.name,
        states=states,
        winner=ranking.winner.number,
        telling=certainty(ranking, config.objective, Method.of(config.evaluation, config.study.seed)),
        independent=independent if len(independent) > 1 else {},
    )


MLFLOW_SERVER = "http://127.0.0.1:5000"  # where `mlflow ui` serves


def check_any_succeeded(folder: StudyFolder) -> None:
    """Raise AllFailedError, with the most common reason, if every trial of a study has failed."""
    ranking = Ranking(folder)
    if ranking.errors and set(ranking.states) == {"failed"}:
        reason, count = common_reason(ranking.errors)
        raise AllFailedError(
            f"{folder.path}: all {len(ranking.errors)} trials failed, {count} of them with: {reason}; "
            "failed trials are not run again: remove the cause, and choose another study.name"
        )


def final_report(config: Config, folder: StudyFolder) -> str:
    """The closing report of a study, for the user."""
    summary = folder.summary.read()
    states = ", ".join(f"{count} {state}" for state, count in sorted(summary.states.items())) or "none"
    lines = ["", f"Study {config.study.name}: trials ended: {states}"]
    prepared = folder.prepared.read()
    centers = {one.facts.key: one.facts.center for one in prepared.used}
    doubts = [f"Note: {doubt}" for doubt in evidence_doubts(config, prepared.splits, centers)]
    if summary.winner is None:
        lines += [*_no_winner(folder, summary), *doubts]
        return "\n".join([*lines, *_next_steps(folder, _to_mlflow(config, folder))])
    winner, ranking = folder.trial(summary.winner), Ranking(folder)
    told = [certainty_in_words(summary.telling)] if summary.telling else []
    lines += [*_winner(winner), *_front(config, ranking), *told, *doubts]
    if (ensemble := ensemble_in_words(folder, config.objective)) is not None:
        lines.append(ensemble)
    if summary.independent:
        lines += ["", "Best model for each availability subset (export one with trial=…):"]
        lines += [f"  {inputs}: trial {number}" for inputs, number in summary.independent.items()]
    lines += _tables(config, folder, ranking)
    lines += _synthesis(winner)
    commands = [*_to_mlflow(config, folder), *_to_predict(config, folder)]
    return "\n".join([*lines, *_next_steps(folder, commands)])


def _no_winner(folder: StudyFolder, summary: Summary) -> list[str]:
    """Why there is no winner, and the trials that can be used instead."""
    lines = [f"No winner can be named, because {summary.no_winner}."]
    if ranked := Ranking(folder).by_objective:
        listed = ", ".join(f"{trial.number} ({value:.3f})" for value, trial in ranked[:5])
        lines.append(f"Complete trials, best first: {listed}")
        lines.append("study.evaluate and study.export take one of them with trial=…")
    return lines


def _winner(trial: TrialFolder) -> list[str]:
    """The winner, its searched parameters, and its post-processing."""
    value = trial.fits.own.read().value
    lines = [f"Winner: trial {trial.number}, objective {value:.3f} (validation, seen centers)"]
    lines += [f"  {path} = {_shown(chosen)}" for path, chosen in trial.searched().items()]
    for whom, steps in trial.fits.chains.in_words().items():
        lines += [f"  post-processing of {whom}:", *(f"    {step}" for step in steps)]
    return lines


def _front(config: Config, ranking: Ranking) -> list[str]:
    """The trials among which somebody else may choose; none with one objective."""
    objective, lines = config.objective, []
    for trial in ranking.front:
        values = goals_of(ranking.result(trial), objective)
        told = (f"{GOALS[goal]} {value:.3g}" for goal, value in zip(objective.front, values, strict=True))
        lines.append(f"  trial {trial.number}: {', '.join(told)}")
    if not lines:
        return []
    return [f"It is {rule_in_words(objective)}. Pareto front (export one with trial=…):", *lines]


def _tables(config: Config, folder: StudyFolder, ranking: Ranking) -> list[str]:
    """Test results by center, by occlusion if it is recorded, and by settings that were compared in turn."""
    method = Method.of(config.evaluation, config.study.seed)
    tables = trial_tables(ranking.winning_rows(), method, config.cohort.target, brief=True)
    if (gains := gain_table(ranking, method)) is not None:
        tables.append(gains)
    tables += ensemble_tables(folder, method)
    tables += [table for table in rule_tables(ranking, method) if table.name == AGAINST_RULE]
    if paths := _paths_in_turn(config, ranking):
        systems = system_tables(rows_of_systems({"": [ranking]}, paths), method)
        compared = f"Settings compared in turn ({', '.join(paths)}), best trial of each"
        tables += [replace(table, title=f"{compared}. {table.title}") for table in systems]
    return [line for table in without_repeats(tables) for line in ("", to_text(table))] + [""]


def _paths_in_turn(config: Config, ranking: Ranking) -> list[str]:
    """The settings that a study compared in turn; none for a single training (study.train), which searches nothing.

    The inputs of independent models are left out, since those models form one system.
    """
    turns, searched = SearchSpace.parse(config.search_space, config).turns, ranking.searched_settings()
    in_turn = dict.fromkeys(path for turn in turns for path in turn)
    return [path for path in in_turn if path in searched and path != "model.inputs"]


def _synthesis(trial: TrialFolder) -> list[str]:
    """How well the winner synthesises modalities; empty for networks that do not."""
    result = trial.result.read()
    if not isinstance(result, CompleteTrial) or not result.synthesis:
        return []
    return [to_text(synthesis_table(result.synthesis)), ""]


def _next_steps(folder: StudyFolder, commands: Sequence[str]) -> list[str]:
    """Where the study's files are, and what to do now."""
    lines = [
        f"All files are in {folder.path}",
        f"The report, to be opened in a browser: {folder.report.path}",
    ]
    return [*lines, "Next:", *(f"  {command}" for command in commands)] if commands else lines


def _to_mlflow(config: Config, folder: StudyFolder) -> list[str]:
    """How the study is looked at in MLflow; how it is sent there first, if it has not been."""
    if not config.tracking.by_mlflow:
        return []
    if (known := folder.tracking.read_if_there()) is None:
        return [command_line("study.sync", *folder.arguments)]
    page = f"/{known.page}" if known.page else ""
    if config.tracking.uri is None:
        store = f"sqlite:///{near_path(folder.path / MLFLOW_DATABASE)}"
    elif config.tracking.uri.startswith("http"):
        return [_to_open(config.tracking.uri.rstrip("/") + page)]
    else:
        store = config.tracking.uri
    server = command_line("mlflow", "ui", "--workers", "1", "--backend-store-uri", store)
    return [f"MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false {server}", _to_open(MLFLOW_SERVER + page)]


def _to_open(address: str) -> str:
    """What to do with an address, as a comment of the shell: it may be pasted with the commands around it."""
    return f"# open {address} in a browser"


def _to_predict(config: Config, folder: StudyFolder) -> list[str]:
    """The commands that export the winner and predict with it."""
    bundle = f"{config.study.name}-bundle"
    present = [f"{name}={name.lower()}.nii.gz" for name in config.cohort.modalities]
    return [
        command_line("study.export", *folder.arguments, f"out={bundle}"),
        command_line("study.predict", f"bundle={bundle}", *present, "out=mask.nii.gz"),
    ]


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
