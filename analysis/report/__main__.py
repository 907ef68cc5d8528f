"""`python -m analysis.report study.name=…`: the report of a study as one HTML page, also while the study runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from study.commandline import Command, DebugKey, Given, run_command, say
from study.commandline.place import GivenPath
from study.config import Section
from study.config.nearest import did_you_mean
from study.config.section import LIST_OF_ONE
from study.config.study import StudyName, StudyRoot
from study.errors import ConfigError, StudyError

if TYPE_CHECKING:
    from study.records import StudyFolder


class Studies(Section):
    """Which studies, and where their files are."""

    name: Annotated[tuple[StudyName, ...], LIST_OF_ONE] = Field(
        (), description="of the study; several, as in '[gradual, none]', become chapters of one page"
    )
    root: StudyRoot = Path("studies")


class Logged(Section):
    """Where studies were logged."""

    experiment: str | None = Field(
        None, description="an MLflow experiment, instead of study.name: all studies that were logged in it"
    )


class Arguments(DebugKey):
    """Keys of the command itself."""

    study: Studies = Studies()
    tracking: Logged = Logged()
    out: GivenPath | None = Field(
        None,
        description="path of the page; null: report.html in the study's folder. Several studies need one",
    )

    @model_validator(mode="after")
    def _names_studies(self) -> Self:
        if bool(self.study.name) == (self.tracking.experiment is not None):
            raise ValueError("study.name: give it, or tracking.experiment, and not both")
        return self


COMMAND = Command(
    "analysis.report",
    Arguments,
    details="""\
Its question and answer, tables as CSV, Markdown and LaTeX, figures as SVG, pictures of subjects, and a draft of the
methods. It may be written while the study runs. Give study.name=… or tracking.experiment=….""",
)


def main(arguments: Sequence[str]) -> None:
    """Write the page; see `--help`."""
    COMMAND.run(arguments, _write)


def _write(given: Given[Arguments]) -> None:
    from analysis.report.report import report_page, write_report
    from study.machine.files import atomic

    own = given.own
    names = own.study.name or _logged(own.study.root, own.tracking.experiment or "")
    if len(names) > 1 and own.out is None:
        raise ConfigError(["out: say where the page of several studies is written: out=page.html"])
    with ExitStack() as opened:
        folders = [_open(own.study.root, name, opened) for name in names]
        if own.out is None:
            out = write_report(folders[0])
        else:
            out = own.out
            with atomic(out) as temporary:
                temporary.write_text(report_page(folders), encoding="utf-8")
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def _logged(root: Path, experiment: str) -> tuple[str, ...]:
    """The names of the studies that were logged in an MLflow experiment, by their configurations."""
    from study.records import StudyFolder

    settings = {folder.path.name: folder.config.read().tracking for folder in StudyFolder.all_in(root)}
    logged = {name: tracking.experiment for name, tracking in settings.items() if tracking.by_mlflow}
    if found := tuple(name for name, there in logged.items() if there == experiment):
        return found
    there = sorted(set(logged.values()))
    hint = did_you_mean(experiment, there) or f"; there: {', '.join(there) or 'none'}; give study.root=…"
    raise StudyError(f"tracking.experiment: no study in {root.absolute()} was logged in '{experiment}'{hint}")


def _open(root: Path, name: str, opened: ExitStack) -> StudyFolder:
    """A study; one that runs is only looked at, since files of its search come and go in its folder."""
    from study.records import StudyFolder

    if StudyFolder(root, name).is_driven:
        return StudyFolder.looked_at(root, name)
    return opened.enter_context(StudyFolder.opened(root, name))


if __name__ == "__main__":
    run_command(main)
