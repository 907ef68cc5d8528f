"""`python -m study.evaluate study.name=…`: the winner, or any trial, on its test subjects or on another cohort."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.cli import parse_pairs, run_command, usage
from study.composition import compose
from study.config import Config, validate
from study.errors import ConfigError
from study.preparation import trial_config
from study.results import StudyFolder, TrialFolder, find_winner, read_json, read_rows, write_rows

KEYS = {
    "study.name": "the study",
    "study.root": "where studies lie (default: studies)",
    "trial": "number of the trial (default: the winner)",
    "evaluation.subsets": "droppable: each droppable modality removed in turn; all: every non-empty subset",
    "cohort": "another cohort's choice, with its cohort.… keys (default: the study's own test subjects)",
    "debug": "true: show the traceback of an error",
}
PURPOSE = "Score a trained network, center by center and availability subset by availability subset."


def main(arguments: Sequence[str]) -> None:
    """Evaluate and print the table; rows go to the trial's folder."""
    if "--help" in arguments or "-h" in arguments:
        print(usage("study.evaluate", PURPOSE, KEYS))
        return
    own = [argument for argument in arguments if not argument.startswith(("cohort=", "cohort."))]
    pairs = parse_pairs(own, KEYS)
    if "study.name" not in pairs:
        raise ConfigError(["study.name: required; usage: python -m study.evaluate study.name=…"])
    folder = StudyFolder.find(Path(pairs.get("study.root", "studies")), pairs["study.name"])
    number = _number(pairs.get("trial"))
    trial = find_winner(folder) if number is None else folder.trial(number)
    config = trial_config(folder, trial)
    if "evaluation.subsets" in pairs:
        config = config.with_values({"evaluation.subsets": pairs["evaluation.subsets"]})
    others = [argument for argument in arguments if argument not in own]
    name = "cohort" if others else "own"
    if others:
        config = _with_cohort(
            config, compose(["study.name=other", f"study.root={folder.path.parent}", *others])
        )
    _evaluate(config, folder, trial, name)


def _number(text: str | None) -> int | None:
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    raise ConfigError([f"trial: must be a number, got '{text}'"])


def _with_cohort(config: Config, other: Config) -> Config:
    """The study's configuration on another cohort, with the modalities that its network knows."""
    cohort = other.cohort.model_dump(mode="json") | {
        "modalities": config.cohort.modalities,
        "target": config.cohort.target,
    }
    return validate(config.model_dump(mode="json") | {"cohort": cohort})


def _evaluate(config: Config, folder: StudyFolder, trial: TrialFolder, name: str) -> None:
    import torch

    from analysis.tables import cross_center_table, to_text
    from study.cohort import load_cohort
    from study.config import Postprocessing
    from study.evaluation.cross_center import Judge
    from study.imaging.cache import prepare_cohort
    from study.lesion_model import find_lesion_model
    from study.preparation import lesion_notes, open_study
    from study.weights import load_network

    data = open_study(folder, config)
    network = load_network(config, data.plan, trial)
    settings = Postprocessing.model_validate((trial.read_result() or {})["postprocessing"])
    if name == "own":
        subjects = data.prepared((*data.splits.test, *data.splits.unseen))
        centers = data.centers
    else:
        cohort = load_cohort(config)
        keys = [subject.key for subject in cohort.subjects if config.cohort.target in subject.masks]
        landmarks = read_json(folder.plan)["landmarks"]
        prepared = prepare_cohort(cohort, keys, config, data.spacing_mm, landmarks, find_lesion_model(config))
        print("".join(f"{line}\n" for line in lesion_notes(prepared, config)), end="")
        subjects = [prepared[key] for key in keys if key in prepared.entries]
        centers = {subject.key: subject.center for subject in cohort.subjects}
    seen = {data.centers[key] for key in data.splits.train}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    judge = Judge(config, data.plan.patch_size, centers, device, withheld=data.withheld)
    rows = [
        judge.row(
            trial.number, "test", centers[one.key] in seen, one, subset, one.to_native(probability), settings
        )
        for one, subset, probability in judge.predictions(network.to(device), subjects)
    ]
    path = trial.path / f"evaluation-{name}.parquet"
    write_rows(path, rows)
    print(f"trial {trial.number}, Dice, mean with 95 % bootstrap interval over subjects")
    print(to_text(cross_center_table(read_rows(path), config.evaluation.bootstrap, config.study.seed)))
    print(f"\nrows: {path}")


if __name__ == "__main__":
    run_command(main)
