"""`python -m study.postprocess study.name=…`: searches a finished study's post-processing again, on kept probabilities.

Neither scans nor networks are read. What it finds is written beside the trial; with `apply=true`, the trial is
post-processed with it from then on (study.evaluate, study.export). Its objective, its place in the study and its test
rows stay as they are: probabilities of test subjects are not kept, and trials are compared by what they were judged by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.cli import parse_pairs, run_command, usage
from study.errors import ConfigError, StudyError

if TYPE_CHECKING:
    from study.config import Config
    from study.evaluation.chains import Chains
    from study.evaluation.search import PostprocessingFit
    from study.results import StudyFolder, TrialFolder

PURPOSE = "Search a finished study's post-processing again, with another objective or space. Needs no GPU."
EVALUATION = {
    "evaluation.postprocessing_trials": "settings that are proposed; a space with no more is tried whole",
    "evaluation.postprocessing_sampler": "tpe or nsga2",
    "evaluation.postprocessing_per_subset": "true: thresholds of their own for subjects that lack a modality",
    "evaluation.empty_dice": "nan or one: Dice where reference and prediction are empty",
    "evaluation.bootstrap": "resamples of the interval",
}
OWN = {
    "study.name": "which study; required",
    "study.root": "where studies lie (default: studies)",
    "trial": "number of a complete trial, or all (default: the winner)",
    "search_space": "a .yaml file, or a choice of study.run, whose postprocessing part is searched",
    "apply": "true: post-process the trial with what was found from now on",
    "out": "the figure (default: beside the trial); not with trial=all",
    "debug": "true: show the traceback of an error",
}
SECTIONS = {
    "objective.…": "what is maximised: full, missing, worst_center, centers",
    "postprocessing.…": "the default, which has to be beaten, and what is not searched",
    "search_space.postprocessing.…": "what is searched, such as search_space.postprocessing.threshold.low=0.1",
    "study.seed": "of halves, proposals and resamples",
    **EVALUATION,
}
KEYS = OWN | SECTIONS
FIGURES = (".png", ".svg", ".pdf")


def main(arguments: Sequence[str]) -> None:
    """Search, print and write; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        print(usage("study.postprocess", f"{PURPOSE} Default of all below: as the trial had it.", KEYS))
        return
    given, changes = _read(arguments)
    from study.composition import trial_config
    from study.results import StudyFolder

    folder = StudyFolder.find(Path(given.get("study.root", "studies")), given["study.name"])
    values: list[tuple[float, int]] = []
    for trial in _trials(folder, given.get("trial")):
        config = _changed(trial_config(folder, trial), given.get("search_space"), changes)
        fit = _search(trial, config)
        written = _write(trial, config, fit, Path(given["out"]) if "out" in given else None)
        print("\n".join(_told(trial, config, fit)))
        print(f"  written: {', '.join(map(str, written))}")
        print("\n".join(_apply(folder, trial, fit) if given.get("apply") == "true" else [NOT_APPLIED]))
        values.append((fit.value, trial.number))
    if len(values) > 1:
        ranked = sorted(values, key=lambda entry: (-entry[0], entry[1]))
        print(f"\nby this objective: {', '.join(f'trial {number} {value:.3f}' for value, number in ranked)}")


NOT_APPLIED = "  not applied; apply=true post-processes the trial with it from now on"


def _read(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The command's own arguments, and the changes to the configuration as they were typed."""
    pairs = parse_pairs(arguments, KEYS, others=True)
    given = {key: value for key, value in pairs.items() if key in OWN}
    others = {key: value for key, value in pairs.items() if key not in OWN}
    prefixes = tuple(key.removesuffix("…") for key in SECTIONS if key.endswith("…"))
    problems = [
        f"{key}: no such key, or it changes nothing here; there are {', '.join(KEYS)}"
        for key in others
        if key not in SECTIONS and not key.startswith(prefixes)
    ]
    if "study.name" not in given:
        problems.append("study.name: required and not given")
    if not (given.get("trial", "0").isdecimal() or given["trial"] == "all"):
        problems.append(f"trial: must be the number of a trial or all, got {given['trial']!r}")
    if given.get("apply", "false") not in ("true", "false"):
        problems.append(f"apply: must be true or false, got {given['apply']!r}")
    if "out" in given and given.get("trial") == "all":
        problems.append(
            "out: names one figure, but trial=all draws one for each trial; leave one of them out"
        )
    if "out" in given and Path(given["out"]).suffix not in FIGURES:
        problems.append(f"out: must end with {', '.join(FIGURES)}, got {given['out']!r}")
    if problems:
        raise ConfigError(problems)
    return given, [f"{key}={value}" for key, value in others.items()]


def _trials(folder: StudyFolder, named: str | None) -> list[TrialFolder]:
    from study.results import complete_trial, complete_trials, find_winner

    if named == "all":
        found = complete_trials(folder)
        if not found:
            raise StudyError(f"{folder.path}: no trial is complete yet; go on with resume=true")
        return found
    return [find_winner(folder) if named is None else complete_trial(folder, int(named))]


def _changed(config: Config, space: str | None, changes: Sequence[str]) -> Config:
    """The trial's configuration with what the arguments change, and with what the space fixes."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from search_spaces import SearchSpace
    from study.config import validate

    content = config.model_dump(mode="json")
    if space is not None:
        content["search_space"] = {**content["search_space"], "postprocessing": _read_space(space)}
    try:
        wanted = OmegaConf.to_container(OmegaConf.from_dotlist(list(changes)), resolve=True)
    except (OmegaConfBaseException, YAMLError) as error:
        raise ConfigError([f"{' '.join(changes)}: not understood; {str(error).splitlines()[0]}"]) from None
    changed = validate(_merged(content, wanted))
    fixed = SearchSpace.parse(changed.search_space, changed).postprocessing.fixed
    return changed.with_values(fixed)


def _read_space(name: str) -> Any:
    """The post-processing part of a file, or of a choice of study.run."""
    from omegaconf import OmegaConf
    from yaml import YAMLError

    import search_spaces

    path = Path(name) if name.endswith((".yaml", ".yml")) else search_spaces.DIRECTORY / f"{name}.yaml"
    if not path.is_file():
        there = ", ".join(sorted(choice.stem for choice in search_spaces.DIRECTORY.glob("*.yaml")))
        raise ConfigError([f"search_space: no file or choice '{name}'; choices are {there}"])
    try:
        content = OmegaConf.to_container(OmegaConf.load(path))
    except YAMLError as error:
        raise ConfigError([f"search_space: {path} is no YAML; {str(error).splitlines()[0]}"]) from None
    part = content.get("postprocessing") if isinstance(content, dict) else None
    if not part:
        raise ConfigError(
            [f"search_space: {path} holds nothing under postprocessing, which alone is searched"]
        )
    return part


def _merged(content: Any, wanted: Any) -> Any:
    """Nested content with other values; an entry of a search space with a type of its own replaces the former one."""
    if not isinstance(content, Mapping) or not isinstance(wanted, Mapping) or "type" in wanted:
        return wanted
    return {**content, **{key: _merged(content.get(key), value) for key, value in wanted.items()}}


def _search(trial: TrialFolder, config: Config) -> PostprocessingFit:
    from study.evaluation.kept import read_all_kept
    from study.evaluation.search import search_postprocessing

    kept = read_all_kept(trial.probabilities)
    if not kept:
        raise StudyError(
            f"trial {trial.number}: no kept probabilities in {trial.probabilities}; without them there is nothing "
            "to search on"
        )
    fit = search_postprocessing(kept, config)
    if fit.subjects == 0:
        centers = ", ".join(sorted({case.center for case in kept}))
        raise ConfigError([f"objective.centers: nobody was validated there; validated were {centers}"])
    return fit


def _told(trial: TrialFolder, config: Config, fit: PostprocessingFit) -> Iterator[str]:
    """What was searched and found, in words."""
    sampler = config.evaluation.postprocessing_sampler
    tried = (
        f"all {fit.trials} settings of the space"
        if fit.exhaustive
        else f"{fit.tried} settings from {sampler}"
    )
    yield f"trial {trial.number}: {fit.subjects} validation subjects, {tried if fit.trials else 'nothing'} tried"
    yield f"  default: objective {fit.default_score:.3f}"
    yield from _in_words(fit.default)
    if not fit.trials:
        return
    yield f"  best: objective {fit.fitted_score:.3f} on the subjects that it was fitted on"
    yield from _in_words(fit.fitted)
    noise = ", within noise" if fit.within_noise else ""
    yield (
        f"  cross-fitted: objective {fit.crossfit_score:.3f}, gain {fit.gain:+.3f} "
        f"(95 % {fit.gain_low:+.3f} to {fit.gain_high:+.3f}{noise})"
    )
    if fit.best == fit.default:
        yield "  the default is kept: what is best for one half of the subjects gains nothing on the other"


def _in_words(chains: Chains) -> Iterator[str]:
    for whom, steps in chains.in_words().items():
        yield f"    for {whom}: {'; '.join(steps)}"


def _write(trial: TrialFolder, config: Config, fit: PostprocessingFit, out: Path | None) -> list[Path]:
    """The next `postprocessing-<n>.json` of the trial, and its figure."""
    from analysis.figures import postprocessing_figure
    from study.results import atomic, write_json

    number = 1 + max((_number(path) for path in trial.path.glob("postprocessing-*.json")), default=0)
    path = trial.path / f"postprocessing-{number}.json"
    picture = out or path.with_suffix(".png")
    found = fit.to_dict()
    with atomic(picture) as temporary:
        postprocessing_figure(found).savefig(temporary, format=picture.suffix[1:], dpi=120)
    content = config.model_dump(mode="json")
    asked = {section: content[section] for section in ("objective", "postprocessing", "evaluation")}
    asked["search_space"] = {"postprocessing": config.search_space.get("postprocessing", {})}
    asked["study"] = {"seed": config.study.seed}
    write_json(path, found | {"asked": asked})
    return [path, picture]


def _number(path: Path) -> int:
    text = path.stem.removeprefix("postprocessing-")
    return int(text) if text.isdecimal() else 0


def _apply(folder: StudyFolder, trial: TrialFolder, fit: PostprocessingFit) -> list[str]:
    """Make it the trial's post-processing; what the trial was judged by stays."""
    from study.results import read_json, write_json

    result = dict(trial.read_result() or {})
    chains = fit.best.model_dump(mode="json")
    write_json(
        trial.result, result | {"postprocessing": chains, "applied": int(result.get("applied", 0)) + 1}
    )
    if folder.summary.is_file():
        summary = read_json(folder.summary)
        if (summary.get("winner") or {}).get("trial") == trial.number:
            summary["winner"]["postprocessing"] = chains
            write_json(folder.summary, summary)
    root, name = folder.path.parent, folder.path.name
    return [
        "  applied: the trial is post-processed with it from now on. Its objective and its test rows are as before,",
        "  as probabilities of test subjects are not kept; this scores them with the new post-processing:",
        f"    python -m study.evaluate study.name={name} study.root={root} trial={trial.number}",
    ]


if __name__ == "__main__":
    run_command(main)
