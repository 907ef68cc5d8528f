"""The report at the end of a study: the winner, its parameters, its tables, and next steps."""

from __future__ import annotations

from dataclasses import replace

from analysis.gains import gain_table
from analysis.method import Method
from analysis.rendering import to_text, without_repeats
from analysis.systems import rows_of_systems, system_tables
from analysis.trial_tables import trial_tables
from search_spaces.space import SearchSpace
from study.config import Config
from study.records import (
    CompleteTrial,
    Ranking,
    StudyFolder,
    Summary,
    TrialFolder,
)
from study.tracking import tracking_uri


def summarise(config: Config, folder: StudyFolder) -> Summary:
    """How the trials ended, and which one won."""
    ranking = Ranking(folder)
    if not ranking.has_winner:
        return Summary(study=config.study.name, states=dict(ranking.states), winner=None)
    independent = {inputs: trial.number for inputs, trial in sorted(ranking.winners().items())}
    return Summary(
        study=config.study.name,
        states=dict(ranking.states),
        winner=ranking.winner.number,
        independent=independent if len(independent) > 1 else {},
    )


def final_report(config: Config, folder: StudyFolder) -> str:
    """The closing report of a study, for the user."""
    summary = folder.summary.read()
    states = ", ".join(f"{count} {state}" for state, count in sorted(summary.states.items())) or "none"
    lines = ["", f"Study {config.study.name}: trials ended: {states}"]
    if summary.winner is None:
        return "\n".join([*lines, "No trial is complete; resume the study with resume=true."])
    winner = folder.trial(summary.winner)
    lines += _winner(winner)
    if summary.independent:
        lines += ["", "Best model for each availability subset (export one with trial=…):"]
        lines += [f"  {inputs}: trial {number}" for inputs, number in summary.independent.items()]
    lines += _tables(config, folder)
    lines += _synthesis(winner)
    return "\n".join([*lines, *_next_steps(config, folder)])


def _winner(trial: TrialFolder) -> list[str]:
    """The winner, its searched parameters, and its post-processing."""
    value = trial.fits.own.read().value
    lines = [f"Winner: trial {trial.number}, objective {value:.3f} (validation, seen centers)"]
    lines += [f"  {path} = {_shown(chosen)}" for path, chosen in trial.searched().items()]
    for whom, steps in trial.fits.chains.in_words().items():
        lines += [f"  post-processing of {whom}:", *(f"    {step}" for step in steps)]
    return lines


def _tables(config: Config, folder: StudyFolder) -> list[str]:
    """Test results by center, by occlusion if it is recorded, and by settings that were compared in turn."""
    ranking = Ranking(folder)
    method = Method.of(config.evaluation, config.study.seed)
    tables = trial_tables(ranking.winning_rows(), method, config.cohort.target)
    if (gains := gain_table(ranking, method)) is not None:
        tables.append(gains)
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
    title = "Synthesis of removed modalities, mean PSNR in dB over test subjects"
    means = [
        f"  {one.center}, {one.modality} from {one.given}: {one.psnr_db:.1f}" for one in result.synthesis
    ]
    return [title, *means, ""]


def _next_steps(config: Config, folder: StudyFolder) -> list[str]:
    where = f"study.name={config.study.name} study.root={config.study.root}"
    present = " ".join(f"{name}={name.lower()}.nii.gz" for name in config.cohort.modalities)
    lines = [
        f"All files are in {folder.path}",
        f"The report, to be opened in a browser: {folder.report.path}",
        "Next:",
    ]
    if config.tracking.enabled and config.tracking.tracker == "mlflow":
        uri = tracking_uri(config.tracking, folder)
        server = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow ui --workers 1"
        lines.append(f"  {server} --backend-store-uri {uri}")
    lines.append(f"  python -m study.export {where} out={config.study.name}-bundle")
    lines.append(f"  python -m study.predict bundle={config.study.name}-bundle {present} out=mask.nii.gz")
    return lines


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
