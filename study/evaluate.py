"""`python -m study.evaluate study.name=…`: the winner, or any trial, on its test subjects or on another cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from study.cli import parse_pairs, run_command, usage
from study.composition import compose_section, trial_config
from study.config import Config, validate
from study.errors import ConfigError
from study.results import StudyFolder, TrialFolder, find_winner, read_json, read_rows, write_rows

if TYPE_CHECKING:
    from study.evaluation.cross_center import Judge
    from study.judging import Scored
    from study.preparation import StudyData

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
        config = _with_cohort(config, compose_section(others, "cohort"))
    _evaluate(config, folder, trial, name)


def _number(text: str | None) -> int | None:
    if text is None or text.isdecimal():
        return None if text is None else int(text)
    raise ConfigError([f"trial: must be a number, got '{text}'"])


def _with_cohort(config: Config, other: Mapping[str, Any]) -> Config:
    """The study's configuration on another cohort, with the modalities that its network knows.

    What may stand in for them is as in the study, unless it is given.
    """
    known = config.model_dump(mode="json")
    kept = {name: known["cohort"][name] for name in ("modalities", "target")}
    aliases = other.get("modality_aliases", known["cohort"]["modality_aliases"])
    if isinstance(aliases, Mapping):
        aliases = {name: others for name, others in aliases.items() if name in kept["modalities"]}
    return validate(known | {"cohort": {**other, **kept, "modality_aliases": aliases}})


def _evaluate(config: Config, folder: StudyFolder, trial: TrialFolder, name: str) -> None:
    import torch

    from study.evaluation.chains import Chains
    from study.evaluation.cross_center import Judge
    from study.judging import to_score
    from study.preparation import open_study
    from study.weights import load_network

    data = open_study(folder, config)
    network = load_network(config, data.plan, trial)
    chains = Chains.model_validate((trial.read_result() or {})["postprocessing"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    judge = Judge(
        config,
        data.plan.patch_size,
        data.centers,
        device,
        withheld=data.withheld,
        occlusions=data.occlusions,
        substituted=data.substituted,
    )
    if name == "own":
        groups = to_score(data, config.cohort.unseen)
    else:
        judge, groups = _elsewhere(judge, data, read_json(folder.plan)["landmarks"])
    rows = [
        judge.row(trial.number, split, seen, one, subset, one.to_native(probability), chains)
        for split, seen, subjects in groups
        for one, subset, probability in judge.predictions(network.to(device), subjects)
    ]
    path = trial.path / f"evaluation-{name}.parquet"
    write_rows(path, rows)
    _print(config, trial, path)


def _elsewhere(judge: Judge, data: StudyData, landmarks: Any) -> tuple[Judge, list[Scored]]:
    """Who of the cohort in the judge's configuration is tested, and the judge that knows them."""
    from study.cohort import load_cohort
    from study.cohort.records import Splits
    from study.cohort.remarks import remarks, set_apart
    from study.imaging.cache import prepare_cohort
    from study.judging import Scored
    from study.lesion_model import find_lesion_model
    from study.preparation import as_seen, lesion_notes

    config, cohort = judge.config, load_cohort(judge.config)
    learnt = {data.centers[key] for key in data.splits.train}
    uses: dict[tuple[Literal["test", "control"], bool], list[str]] = {
        (split, seen): [] for split in ("test", "control") for seen in (True, False)
    }
    for one in cohort.subjects:
        apart = set_apart(one, config.cohort)
        if config.cohort.target in one.masks and not (apart and config.cohort.controls == "exclude"):
            uses["control" if apart else "test", one.center in learnt].append(one.key)
    test, unseen, *control = (tuple(keys) for keys in uses.values())
    splits = Splits((), (), test, unseen, (*control[0], *control[1]))
    for remark in remarks(cohort, splits, config.cohort):
        print(remark)
    lesion_model = find_lesion_model(config)
    prepared = prepare_cohort(cohort, splits.used, config, data.spacing_mm, landmarks, lesion_model)
    for note in lesion_notes(prepared, config):
        print(note)
    groups = [
        Scored(split, seen, [as_seen(prepared[key], data.plan) for key in keys if key in prepared.entries])
        for (split, seen), keys in uses.items()
    ]
    known = replace(
        judge,
        centers={one.key: one.center for one in cohort.subjects},
        withheld={},
        occlusions={one.key: one.occlusion for one in cohort.subjects},
        substituted={one.key: one.stand_ins for one in cohort.subjects},
    )
    return known, groups


def _print(config: Config, trial: TrialFolder, path: Path) -> None:
    from analysis.tables import cross_center_table, occlusion_table, tells_occlusions
    from analysis.text import OCCLUSION_NOTE, to_text

    rows = read_rows(path)
    print(f"trial {trial.number}, Dice, mean with 95 % bootstrap interval over subjects")
    print(to_text(cross_center_table(rows, config.evaluation.bootstrap, config.study.seed)))
    if tells_occlusions(rows, config.cohort.target):
        table = occlusion_table(rows, config.evaluation.bootstrap, config.study.seed)
        print(f"\n{OCCLUSION_NOTE}\n{to_text(table)}")
    print(f"\nrows: {path}")


if __name__ == "__main__":
    run_command(main)
