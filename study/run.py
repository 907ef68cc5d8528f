"""`python -m study.run search_space=gradual`: runs a whole study, from scans to the winner's table."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import run_command, run_configured, say, shown
from study.config import Config

PURPOSE = "Search for the model that holds up at an unseen center with a sequence missing."


def main(arguments: Sequence[str]) -> None:
    """Run, resume, or forecast a study."""
    run_configured("study.run", PURPOSE, arguments, _run)


def _run(config: Config) -> None:
    if config.dry_run:
        from study.workflow.forecast import forecast

        say(forecast(config))
        return
    from study.workflow.study import run_study

    with shown() as show:
        run_study(config, show)


if __name__ == "__main__":
    run_command(main)
