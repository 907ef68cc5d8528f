"""`python -m study.stop study.name=…`: ends a running study gracefully, from any terminal."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import Command, Given, run_command, say
from study.commandline.place import OfStudy

COMMAND = Command(
    "study.stop",
    OfStudy,
    details="""\
It ends as by Ctrl+C: its trials bring home their checkpoints, and resume=true continues it. The command works on the
machine that runs the study, and waits until the study has ended.""",
)


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    COMMAND.run(arguments, _stop)


def _stop(given: Given[OfStudy]) -> None:
    from study.records import StudyFolder
    from study.workflow.stopping import stop_study

    place = given.own.study
    stop_study(StudyFolder.looked_at(place.root, place.name), say)


if __name__ == "__main__":
    run_command(main)
