"""`python -m study.run search_space=gradual`: runs a whole study, from scans to the winner's table."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import WHOLE, Command, OwnKeys, run_command, run_configured, say, shown
from study.config import Config

COMMAND = Command(
    "study.run",
    OwnKeys,
    WHOLE,
)


def main(arguments: Sequence[str]) -> None:
    """Run, resume, or forecast a study."""
    run_configured(COMMAND, arguments, _run)


def _run(config: Config, own: OwnKeys) -> None:
    if config.dry_run:
        from study.workflow.forecast import forecast

        say(forecast(config))
        return
    from study.workflow.study import run_study

    with shown() as show:
        run_study(config, show)


if __name__ == "__main__":
    run_command(main)
