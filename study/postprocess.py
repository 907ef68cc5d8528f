"""`python -m study.postprocess study.name=…`: searches a finished study's post-processing again.

The search uses the kept probabilities and reads neither scans nor networks. The result is written beside the trial;
with `apply=true`, study.evaluate and study.export use it from then on. The trial's objective, rank and test rows stay
as they are: probabilities of test subjects are not kept, and trials stay comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from study.commandline import Command, Given, run_command, say
from study.commandline.place import GivenPath, OfStudy, TrialNumber
from study.commandline.reading import read_pairs, resolved
from study.config import Config
from study.config.mistakes import plain
from study.config.nearest import did_you_mean
from study.errors import ConfigError
from study.machine.shell import command_line

if TYPE_CHECKING:
    from study.records import StudyFolder
    from study.workflow.refitting import Refit

FIGURES = (".png", ".svg", ".pdf")


def _figure(path: Path) -> Path:
    if path.suffix not in FIGURES:
        raise plain(f"must end with {', '.join(FIGURES)}, got '{path}'")
    return path


class Arguments(OfStudy):
    """Keys of the command itself."""

    trial: TrialNumber | Literal["all"] | None = Field(
        None, description="a complete trial of the study, or all of them; null: the winner"
    )
    search_space: str | None = Field(
        None,
        description="a .yaml file, or a choice of study.run, whose postprocessing part is searched; null: the study's. "
        "A range is changed by search_space.postprocessing.threshold.low=0.1",
    )
    apply: bool = Field(False, description="use the result for the trial from now on")
    out: Annotated[GivenPath, AfterValidator(_figure)] | None = Field(
        None, description="path of the figure; null: beside the trial"
    )

    @model_validator(mode="after")
    def _one_figure(self) -> Arguments:
        if self.out is not None and self.trial == "all":
            raise ValueError(
                "out: names one figure, but trial=all draws one per trial; leave one of them out"
            )
        return self


COMMAND = Command(
    "study.postprocess",
    Arguments,
    takes=(
        "objective",
        "postprocessing",
        "search_space.postprocessing",
        "study.seed",
        "evaluation.postprocessing_trials",
        "evaluation.postprocessing_sampler",
        "evaluation.postprocessing_per_subset",
        "evaluation.empty_dice",
        "evaluation.bootstrap",
    ),
    details="No GPU is needed. What is not given is as in the trial, whatever default stands below.",
)


def main(arguments: Sequence[str]) -> None:
    """Search again, print and write the results; see `--help`."""
    COMMAND.run(arguments, _postprocess)


def _postprocess(given: Given[Arguments]) -> None:
    own, changes = given.own, resolved(read_pairs(given.settings.pairs, Config))
    space = _read_space(own.search_space) if own.search_space is not None else None

    from study.records import StudyFolder
    from study.workflow.refitting import ranked, refit, trials_named

    found = []
    with StudyFolder.opened(own.study.root, own.study.name) as folder:
        for trial in trials_named(folder, own.trial):
            found.append(refit(trial, space, changes, own.out))
            say("\n".join(found[-1].lines))
            say(f"  written: {', '.join(map(str, found[-1].files))}")
            say("\n".join(_apply(folder, found[-1]) if own.apply else [NOT_APPLIED]))
    if len(found) > 1:
        say(f"\nby this objective: {ranked(found)}")


NOT_APPLIED = "  not applied; apply=true uses it for the trial from now on"


def _read_space(name: str) -> Any:
    """The post-processing part of a search space: a file, or a choice of study.run."""
    import search_spaces
    from study.commandline.bounded_yaml import load_yaml

    path = Path(name) if name.endswith((".yaml", ".yml")) else search_spaces.DIRECTORY / f"{name}.yaml"
    if not path.is_file():
        there = sorted(choice.stem for choice in search_spaces.DIRECTORY.glob("*.yaml"))
        near = did_you_mean(name, there) or f"; choices are {', '.join(there)}"
        raise ConfigError([f"search_space: no file or choice '{name}'{near}"])
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
    command = command_line("study.evaluate", *folder.arguments, f"trial={found.trial.number}")
    return [
        "  applied: used for the trial from now on. Its objective and its test rows stay as they are, because",
        "  probabilities of test subjects are not kept. To score test subjects with the new post-processing:",
        f"    {command}",
    ]


if __name__ == "__main__":
    run_command(main)
