"""Send to MLflow what it lacks of a study: after a failure, to another server, as often as you like."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from study.commandline import Command, Given, run_command, say
from study.commandline.place import OfStudy
from study.config import Address, Section


class Tracking(Section):
    """Where to."""

    uri: Address | None = Field(None, description="the MLflow store; null: the study's own")
    experiment: str | None = Field(None, description="the MLflow experiment; null: the study's own")


class Arguments(OfStudy):
    """Keys of the command itself."""

    tracking: Tracking = Field(default_factory=Tracking)


COMMAND = Command(
    "study.sync",
    Arguments,
    details="Sending is idempotent: sending twice stores once.",
)


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    COMMAND.run(arguments, _sync)


def _sync(given: Given[Arguments]) -> None:
    from study.records import StudyFolder
    from study.tracking import send_missing, tracking_uri
    from study.workflow.champion import register_champion

    own = given.own
    with StudyFolder.opened(own.study.root, own.study.name) as folder:
        other = own.tracking.model_dump(exclude_none=True)
        config = folder.config.read().with_values({f"tracking.{key}": value for key, value in other.items()})
        trials, new = send_missing(config, folder)
        champion = register_champion(config, folder)
        where = tracking_uri(config.tracking, folder)
    say(f"{own.study.name}: {trials} trials, {new} of them new or changed, are in {where}")
    if champion is not None:
        say(f"the winner is registered as {champion}")


if __name__ == "__main__":
    run_command(main)
