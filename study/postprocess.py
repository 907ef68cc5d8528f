"""`python -m study.postprocess study.name=…`: searches a finished study's post-processing again.

The search uses the kept probabilities and reads neither scans nor networks. The result is written beside the trial;
with `apply=true`, study.evaluate and study.export use it from then on. The trial's objective, rank and test rows stay
as they are: probabilities of test subjects are not kept, and trials stay comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.commandline import parse_pairs, run_command, say, usage
from study.errors import ConfigError

if TYPE_CHECKING:
    from study.records import StudyFolder
    from study.workflow.refitting import Refit

PURPOSE = "Search a finished study's post-processing again, with another objective or space. Needs no GPU."
EVALUATION = {
    "evaluation.postprocessing_trials": "number of proposed settings; a smaller space is tried exhaustively",
    "evaluation.postprocessing_sampler": "tpe or nsga2",
    "evaluation.postprocessing_per_subset": "true: separate thresholds for subjects that lack a modality",
    "evaluation.empty_dice": "nan or one: Dice if reference and prediction are empty",
    "evaluation.bootstrap": "number of resamples for the interval",
}
OWN = {
    "study.name": "the study; required",
    "study.root": "folder that holds the studies (default: studies)",
    "trial": "number of a complete trial, or all (default: the winner)",
    "search_space": "a .yaml file, or a choice of study.run; its postprocessing part is searched",
    "apply": "true: use the result for the trial from now on",
    "out": "path of the figure (default: beside the trial); not with trial=all",
    "debug": "true: print the traceback of an error",
}
SECTIONS = {
    "objective.…": "what is maximised: full, missing, worst_center, centers",
    "postprocessing.…": "the default that the search must beat, and settings that are not searched",
    "search_space.postprocessing.…": "the search space, such as search_space.postprocessing.threshold.low=0.1",
    "study.seed": "seed of halves, proposals and resamples",
    **EVALUATION,
}
KEYS = OWN | SECTIONS
FIGURES = (".png", ".svg", ".pdf")


def main(arguments: Sequence[str]) -> None:
    """Search again, print and write the results; see `--help`."""
    if {"-h", "--help"} & set(arguments):
        say(usage("study.postprocess", f"{PURPOSE} Other defaults: the trial's settings.", KEYS))
        return
    given, changes = _read(arguments)
    wanted = _nested(changes)
    space = _read_space(given["search_space"]) if "search_space" in given else None

    from study.records import StudyFolder
    from study.workflow.refitting import ranked, refit, trials_named

    found = []
    with StudyFolder.opened(given.get("study.root", "studies"), given["study.name"]) as folder:
        for trial in trials_named(folder, given.get("trial")):
            found.append(refit(trial, space, wanted, Path(given["out"]) if "out" in given else None))
            say("\n".join(found[-1].lines))
            say(f"  written: {', '.join(map(str, found[-1].files))}")
            say("\n".join(_apply(folder, found[-1]) if given.get("apply") == "true" else [NOT_APPLIED]))
    if len(found) > 1:
        say(f"\nby this objective: {ranked(found)}")


NOT_APPLIED = "  not applied; apply=true uses it for the trial from now on"


def _read(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Split the arguments into the command's own and changes to the configuration, as typed."""
    pairs = parse_pairs(arguments, KEYS, others=True)
    given = {key: value for key, value in pairs.items() if key in OWN}
    others = {key: value for key, value in pairs.items() if key not in OWN}
    prefixes = tuple(key.removesuffix("…") for key in SECTIONS if key.endswith("…"))
    problems = [
        f"{key}: no such key, or it changes nothing here; keys are {', '.join(KEYS)}"
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
        problems.append("out: names one figure, but trial=all draws one per trial; leave one of them out")
    if "out" in given and Path(given["out"]).suffix not in FIGURES:
        problems.append(f"out: must end with {', '.join(FIGURES)}, got {given['out']!r}")
    if problems:
        raise ConfigError(problems)
    return given, [f"{key}={value}" for key, value in others.items()]


def _nested(changes: Sequence[str]) -> Mapping[str, Any]:
    """The changes as nested settings."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from study.commandline.bounded_yaml import UNFORESEEN, check_yaml

    for change in changes:
        check_yaml(change.partition("=")[2], change[:40])
    try:
        content: Any = OmegaConf.to_container(OmegaConf.from_dotlist(list(changes)), resolve=True)
    except (OmegaConfBaseException, YAMLError, *UNFORESEEN) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError([f"{' '.join(changes)}: not understood; {told}"]) from None
    return dict(content)


def _read_space(name: str) -> Any:
    """The post-processing part of a search space: a file, or a choice of study.run."""
    import search_spaces
    from study.commandline.bounded_yaml import load_yaml

    path = Path(name) if name.endswith((".yaml", ".yml")) else search_spaces.DIRECTORY / f"{name}.yaml"
    if not path.is_file():
        there = ", ".join(sorted(choice.stem for choice in search_spaces.DIRECTORY.glob("*.yaml")))
        raise ConfigError([f"search_space: no file or choice '{name}'; choices are {there}"])
    content = load_yaml(path)
    part = content.get("postprocessing") if isinstance(content, dict) else None
    if not part:
        raise ConfigError(
            [f"search_space: {path} has no postprocessing part, the only part that is searched"]
        )
    return part


def _apply(folder: StudyFolder, found: Refit) -> list[str]:
    """Put the new fit in force; the trial's objective and test rows stay as they are."""
    found.trial.fits.apply(found.number)
    where = f"study.name={folder.path.name} study.root={folder.path.parent}"
    return [
        "  applied: used for the trial from now on. Its objective and its test rows stay as they are, because",
        "  probabilities of test subjects are not kept. To score test subjects with the new post-processing:",
        f"    python -m study.evaluate {where} trial={found.trial.number}",
    ]


if __name__ == "__main__":
    run_command(main)
