"""`python -m study.phantoms write out=FOLDER key=value …`: simulated scans as if hospitals had sent them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from study.commandline import Command, DebugKey, Given, run_command, say, shown
from study.commandline.place import GivenPath
from study.errors import ConfigError


class Arguments(DebugKey):
    """Keys of the command itself."""

    out: GivenPath = Field(description="a new folder")
    layout: Literal["bids", "brats2018", "brats2023", "isbi2015", "umcl", "jhu"] = Field(
        "bids",
        description="BIDS-like, or names and folders of a public data set: of BraTS for the centers CBICA, TCIA01 and "
        "TCIA02, of the others for ISBI, UMCL or JHU",
    )


COMMAND = Command(
    "study.phantoms write",
    Arguments,
    ("cohort.phantom",),
    details="""\
The folder is BIDS-like (cohort=bids cohort.bids.root=FOLDER). scans.csv in it lists the same files
(cohort=manifest cohort.path=FOLDER/scans.csv). With layout=brats2018 it looks as that data set does
(cohort=brats2018 cohort.brats2018.root=FOLDER), and so with the others.""",
)


def main(arguments: Sequence[str]) -> None:
    """Write the scans; see `--help`."""
    COMMAND.run(arguments, _write)


def _write(given: Given[Arguments]) -> None:
    from study.commandline.composition import compose_settings
    from study.phantoms.layouts import write_layout
    from study.phantoms.scans import MANIFEST, write_scans

    out = given.own.out
    if out.exists():
        raise ConfigError([f"out: {out} exists already; choose a new folder"])
    phantom = compose_settings(given.settings).cohort.phantom
    if phantom.stream:
        raise ConfigError(["cohort.phantom.stream: fresh brains belong to trainings; leave it out"])
    with shown() as show:
        if given.own.layout == "bids":
            count, listed = write_scans(phantom, out, show.progress), f", listed in {out / MANIFEST}"
        else:
            count, listed = write_layout(given.own.layout, phantom, out, show.progress), ""
    say(f"{out}: {count} subjects of {', '.join(phantom.centers)}{listed}")


if __name__ == "__main__":
    run_command(main)
