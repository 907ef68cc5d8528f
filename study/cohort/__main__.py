"""`python -m study.cohort check key=value …`: read every file of a cohort and report what it holds."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import WHOLE, Command, OwnKeys, run_command, run_configured, shown
from study.config import Config

COMMAND = Command(
    "study.cohort check",
    OwnKeys,
    WHOLE,
    details="""\
Its keys are those of study.run, so that the same line checks a cohort and studies it. Grids are slices × rows ×
columns. The exit code is 0 without problems, and 2 with problems.""",
)


def main(arguments: Sequence[str]) -> None:
    """The command; exits with code 2 if there is any problem."""
    run_configured(COMMAND, arguments, _check)


def _check(config: Config, own: OwnKeys) -> None:
    from study.cohort import load_cohort
    from study.imaging.check import check_cohort
    from study.imaging.protocol import ImagingProtocol

    config = config.with_values({"cohort.on_error": "skip"})
    used = config.cohort
    protocol = ImagingProtocol(used.modalities, used.target, config.lesion_source, config.imaging)
    with shown() as show:
        cohort = load_cohort(used, config.phantom_root, show.progress)
        report = check_cohort(cohort, protocol, show.progress)
        show.say("\n".join(report.lines()))
    if report.problems:
        raise SystemExit(2)


if __name__ == "__main__":
    run_command(main)
