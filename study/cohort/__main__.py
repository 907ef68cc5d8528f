"""`python -m study.cohort check key=value …`: read every file of a cohort and report what it holds."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import run_command, say, shown
from study.errors import ConfigError

USAGE = """Read every file of a cohort; print what each center has, and everything that is wrong.

usage: python -m study.cohort check key=value …

The keys are those of study.run, for example
  cohort=manifest cohort.path=my.csv
  cohort=isles2022 cohort.isles2022.root=data/ISLES-2022
Grids are slices × rows × columns. Exit code: 0 without problems, 2 with problems."""


def check(arguments: Sequence[str]) -> None:
    """The command; exits with code 2 if there is any problem."""
    if {"-h", "--help"} & set(arguments):
        say(USAGE)
        return
    if not arguments or arguments[0] != "check":
        raise ConfigError([f"{arguments[0] if arguments else 'study.cohort'}: expected `check key=value …`"])
    from study.cohort import load_cohort
    from study.commandline.composition import compose
    from study.imaging.check import check_cohort
    from study.imaging.protocol import ImagingProtocol

    config = compose(arguments[1:]).with_values({"cohort.on_error": "skip"})
    used = config.cohort
    protocol = ImagingProtocol(used.modalities, used.target, config.lesion_source, config.imaging)
    with shown() as show:
        cohort = load_cohort(used, config.phantom_root, show.progress)
        report = check_cohort(cohort, protocol, show.progress)
        show.say("\n".join(report.lines()))
    if report.problems:
        raise SystemExit(2)


if __name__ == "__main__":
    run_command(check)
