"""What a study says at its end: the winner, its parameters, its table, and what to do next."""

from __future__ import annotations

from collections import Counter
from typing import Any

from analysis.systems import describe, rows_of_systems, searched_settings
from analysis.tables import average_table, cross_center_table, occlusion_table, tells_occlusions
from analysis.text import OCCLUSION_NOTE, to_text
from search_spaces.space import SearchSpace
from study.config import Config
from study.errors import StudyError
from study.evaluation.chains import Chains
from study.results import StudyFolder, TrialFolder, find_winner, find_winners, read_json, winning_rows
from study.tracking import tracking_uri, without_password


def summarise(config: Config, folder: StudyFolder) -> dict[str, Any]:
    """The content of summary.json: how many trials ended how, the winner and its table."""
    results = [result for trial in folder.trials() if (result := trial.read_result()) is not None]
    summary: dict[str, Any] = {
        "study": config.study.name,
        "states": dict(Counter(result["state"] for result in results)),
        "winner": None,
    }
    try:
        trial = find_winner(folder)
    except StudyError:
        return summary
    result = trial.read_result() or {}
    rows = winning_rows(folder)
    resamples = config.evaluation.bootstrap, config.study.seed
    summary["winner"] = {
        "trial": trial.number,
        "objective": result["value"],
        "parameters": read_json(trial.parameters),
        "postprocessing": result["postprocessing"],
        "table": cross_center_table(rows, *resamples).to_dict("records"),
    }
    if tells_occlusions(rows, config.cohort.target):
        summary["winner"]["occlusions"] = occlusion_table(rows, *resamples).to_dict("records")
    winners = find_winners(folder)
    if len(winners) > 1:
        summary["independent"] = {inputs: winner.number for inputs, winner in sorted(winners.items())}
    return summary


def final_report(config: Config, folder: StudyFolder) -> str:
    """What is printed at the end of a study."""
    summary = read_json(folder.summary)
    states = ", ".join(f"{count} {state}" for state, count in sorted(summary["states"].items())) or "none"
    lines = ["", f"Study {config.study.name}: trials ended: {states}"]
    winner = summary["winner"]
    if winner is None:
        return "\n".join([*lines, "No trial is complete; go on with resume=true."])
    lines += [
        f"Winner: trial {winner['trial']}, objective {winner['objective']:.3f} (validation, seen centers)"
    ]
    lines += [f"  {path} = {_shown(value)}" for path, value in winner["parameters"].items()]
    for whom, steps in Chains.model_validate(winner["postprocessing"]).in_words().items():
        lines += [f"  post-processing of {whom}:", *(f"    {step}" for step in steps)]
    if independent := summary.get("independent"):
        lines += ["", "Best model for each availability subset (export one with trial=…):"]
        lines += [f"  {inputs}: trial {number}" for inputs, number in independent.items()]
    rows = winning_rows(folder)
    resamples = config.evaluation.bootstrap, config.study.seed
    tables = [make(rows, *resamples) for make in (cross_center_table, average_table)]
    lines += ["", "Dice on test subjects, mean with 95 % bootstrap interval over subjects"]
    empty = "1" if config.evaluation.empty_dice == "one" else "left out"
    lines += [f"(no lesion in reference and prediction: {empty})", *map(to_text, tables), ""]
    if tells_occlusions(rows, config.cohort.target):
        lines += [OCCLUSION_NOTE, to_text(occlusion_table(rows, *resamples)), ""]
    if paths := _paths_in_turn(config, folder):
        systems = describe(rows_of_systems({"": [folder]}, paths), *resamples)
        lines += [f"What was gone through in turn ({', '.join(paths)}), the best trial of each:", systems, ""]
    lines += _synthesis(folder.trial(winner["trial"]))
    return "\n".join([*lines, *_next_steps(config, folder)])


def _paths_in_turn(config: Config, folder: StudyFolder) -> list[str]:
    """The settings that a study was made to compare, if it did: a single training (study.train) searches nothing.

    Not the inputs of independent models, which are one system.
    """
    turns, searched = SearchSpace.parse(config.search_space, config).turns, searched_settings(folder)
    in_turn = dict.fromkeys(path for turn in turns for path in turn)
    return [path for path in in_turn if path in searched and path != "model.inputs"]


def _synthesis(trial: TrialFolder) -> list[str]:
    """What the winner synthesises, where it does."""
    lines = []
    for name, psnr_db in (trial.read_result() or {})["scores"].items():
        if name.startswith("test_psnr_db."):
            center, given, modality = name.removeprefix("test_psnr_db.").rsplit(".", 2)
            lines.append(f"  {center}, {modality} from {given}: {psnr_db:.1f}")
    return (
        ["Synthesis of removed modalities, mean PSNR in dB over test subjects", *lines, ""] if lines else []
    )


def _next_steps(config: Config, folder: StudyFolder) -> list[str]:
    where = f"study.name={config.study.name} study.root={config.study.root}"
    present = " ".join(f"{name}={name.lower()}.nii.gz" for name in config.cohort.modalities)
    lines = [f"Everything lies in {folder.path}", "Next:"]
    if config.tracking.enabled:
        uri = tracking_uri(config, folder)
        server = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow ui --workers 1"
        lines.append(f"  {server} --backend-store-uri {without_password(uri, uri)}")
    lines.append(f"  python -m study.export {where} out={config.study.name}-bundle")
    lines.append(f"  python -m study.predict bundle={config.study.name}-bundle {present} out=mask.nii.gz")
    return lines


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
