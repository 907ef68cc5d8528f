"""`python -m study.cohort check key=value …`: read every file of a cohort and say what is in it."""

from __future__ import annotations

from collections.abc import Sequence

from study.cli import run_command
from study.errors import ConfigError

USAGE = """Read every file of a cohort; print per center what there is, and everything that is wrong.

usage: python -m study.cohort check key=value …

The keys are those of study.run, for example
  cohort=manifest cohort.path=my.csv
  cohort=isles2022 cohort.isles2022.root=data/ISLES-2022
Grids are slices × rows × columns. Exit code: 0 without problems, 2 with."""


def check(arguments: Sequence[str]) -> None:
    """The command; exits with code 2 if there is any problem."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return
    if not arguments or arguments[0] != "check":
        raise ConfigError([f"{arguments[0] if arguments else 'study.cohort'}: expected `check key=value …`"])
    from study.cohort import load_cohort
    from study.composition import compose
    from study.imaging.check import check_cohort

    config = compose(arguments[1:])
    cohort = load_cohort(config.with_values({"cohort.on_error": "skip"}))
    report = check_cohort(cohort, config)
    print("\n".join(report.lines()))
    if report.problems:
        raise SystemExit(2)


if __name__ == "__main__":
    run_command(check)
