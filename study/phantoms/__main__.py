"""`python -m study.phantoms write out=FOLDER key=value …`: simulated scans as if hospitals had sent them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from study.commandline import run_command, say, shown
from study.errors import ConfigError

USAGE = """Write simulated scans of some centers to a folder, to try the commands on without scans of your own.

usage: python -m study.phantoms write out=FOLDER key=value …

  out                                 a new folder; required
  cohort.phantom.centers              which of CHSF, MATAR, MATAR2, ISLES, JHU, FOCH (default: all)
  cohort.phantom.subjects_per_center  how many of each (default: the size's own numbers)
  cohort.phantom.size                 small (default) or full: the grids and numbers of the papers
  cohort.phantom.seed                 another seed simulates other subjects
  cohort.phantom.randomisation        0 (default) to 1: how far scanners and tissues stray beyond the centers' own

The folder is BIDS-like (cohort=bids cohort.bids.root=FOLDER). scans.csv in it lists the same files
(cohort=manifest cohort.path=FOLDER/scans.csv)."""


def write(arguments: Sequence[str]) -> None:
    """The command; raises ConfigError for arguments that are none of `USAGE`."""
    if {"-h", "--help"} & set(arguments):
        say(USAGE)
        return
    if not arguments or arguments[0] != "write":
        raise ConfigError(
            [f"{arguments[0] if arguments else 'study.phantoms'}: expected `write out=FOLDER key=value …`"]
        )
    out, settings = _read(arguments[1:])
    from study.commandline.composition import compose
    from study.phantoms.scans import MANIFEST, write_scans

    phantom = compose(settings).cohort.phantom
    with shown() as show:
        count = write_scans(phantom, out, show.progress)
    say(f"{out}: {count} subjects of {', '.join(phantom.centers)}, listed in {out / MANIFEST}")


def _read(arguments: Sequence[str]) -> tuple[Path, list[str]]:
    """The new folder, and the settings of the phantoms."""
    outs = [argument.removeprefix("out=") for argument in arguments if argument.startswith("out=")]
    settings = [argument for argument in arguments if not argument.startswith("out=")]
    problems = [
        f"{argument}: expected out=FOLDER or a key of cohort.phantom"
        for argument in settings
        if not argument.startswith("cohort.phantom.")
    ]
    if len(outs) != 1 or not outs[0]:
        problems.append("out: give one folder, out=FOLDER")
    elif Path(outs[0]).exists():
        problems.append(f"out: {outs[0]} exists already; choose a new folder")
    if problems:
        raise ConfigError(problems)
    return Path(outs[0]), settings


if __name__ == "__main__":
    run_command(write)
