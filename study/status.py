"""`python -m study.status study.name=…`: where a study stands, while it runs or after, from any terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from study.commandline import Command, Given, run_command, say
from study.commandline.place import OfStudy


class Arguments(OfStudy):
    """Keys of the command itself."""

    format: Literal["text", "json"] = Field(
        "text", description="json: for scripts; docs/how-to/follow.md explains its fields"
    )


COMMAND = Command(
    "study.status",
    Arguments,
    details="""\
Its trials, the best one, the time left, why trials failed, who runs it. It is read from the study's folder, in a
second; nothing is changed.""",
)


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    COMMAND.run(arguments, _tell)


def _tell(given: Given[Arguments]) -> None:
    from study.records import StudyFolder
    from study.records.following import StatusReader
    from study.workflow.status_lines import status_lines

    place = given.own.study
    status = StatusReader(StudyFolder.looked_at(place.root, place.name)).read()
    as_json = given.own.format == "json"
    say(status.model_dump_json(indent=2) if as_json else "\n".join(status_lines(status)))


if __name__ == "__main__":
    run_command(main)
