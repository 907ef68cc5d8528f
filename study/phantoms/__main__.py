"""`python -m study.phantoms write out=FOLDER key=value …`: simulated scans as if hospitals had sent them."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from study.commandline import Command, DebugKey, Given, run_command, say, shown
from study.commandline.place import GivenPath
from study.errors import ConfigError


class Arguments(DebugKey):
    """Keys of the command itself."""

    out: GivenPath = Field(description="a new folder")


COMMAND = Command(
    "study.phantoms write",
    Arguments,
    ("cohort.phantom",),
    details="""\
The folder is BIDS-like (cohort=bids cohort.bids.root=FOLDER). scans.csv in it lists the same files
(cohort=manifest cohort.path=FOLDER/scans.csv).""",
)


def main(arguments: Sequence[str]) -> None:
    """Write the scans; see `--help`."""
    COMMAND.run(arguments, _write)


def _write(given: Given[Arguments]) -> None:
    from study.commandline.composition import compose_settings
    from study.phantoms.scans import MANIFEST, write_scans

    out = given.own.out
    if out.exists():
        raise ConfigError([f"out: {out} exists already; choose a new folder"])
    phantom = compose_settings(given.settings).cohort.phantom
    if phantom.stream:
        raise ConfigError(["cohort.phantom.stream: fresh brains belong to trainings; leave it out"])
    with shown() as show:
        count = write_scans(phantom, out, show.progress)
    say(f"{out}: {count} subjects of {', '.join(phantom.centers)}, listed in {out / MANIFEST}")


if __name__ == "__main__":
    run_command(main)
