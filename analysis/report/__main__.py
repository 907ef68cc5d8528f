"""`python -m analysis.report study.name=…`: the report of a study as one HTML page, also while the study runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from study.commandline import Command, DebugKey, Given, run_command, say
from study.commandline.place import GivenPath
from study.config import Section
from study.config.section import LIST_OF_ONE
from study.config.study import StudyName, StudyRoot
from study.errors import ConfigError

if TYPE_CHECKING:
    from study.records import StudyFolder


class Studies(Section):
    """Which studies, and where their files are."""

    name: Annotated[tuple[StudyName, ...], LIST_OF_ONE] = Field(
        description="of the study; several, as in '[gradual, none]', become chapters of one page",
        min_length=1,
    )
    root: StudyRoot = Path("studies")


class Arguments(DebugKey):
    """Keys of the command itself."""

    study: Studies
    out: GivenPath | None = Field(
        None,
        description="path of the page; null: report.html in the study's folder. Several studies need one",
    )


COMMAND = Command(
    "analysis.report",
    Arguments,
    details="""\
Its question and answer, tables as CSV, Markdown and LaTeX, figures as SVG, pictures of subjects, and a draft of the
methods. It may be written while the study runs.""",
)


def main(arguments: Sequence[str]) -> None:
    """Write the page; see `--help`."""
    COMMAND.run(arguments, _write)


def _write(given: Given[Arguments]) -> None:
    from analysis.report.report import report_page, write_report
    from study.machine.files import atomic

    own = given.own
    if len(own.study.name) > 1 and own.out is None:
        raise ConfigError(["out: say where the page of several studies is written: out=page.html"])
    with ExitStack() as opened:
        folders = [_open(own.study.root, name, opened) for name in own.study.name]
        if own.out is None:
            out = write_report(folders[0])
        else:
            out = own.out
            with atomic(out) as temporary:
                temporary.write_text(report_page(folders), encoding="utf-8")
    say(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def _open(root: Path, name: str, opened: ExitStack) -> StudyFolder:
    """A study; one that runs is only looked at, since files of its search come and go in its folder."""
    from study.records import StudyFolder

    if StudyFolder(root, name).is_driven:
        return StudyFolder.looked_at(root, name)
    return opened.enter_context(StudyFolder.opened(root, name))


if __name__ == "__main__":
    run_command(main)
