"""`python -m study.train`: trains once in this process, without Ray and MLflow, for debugging or bare GPU machines."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import WHOLE, Command, OwnKeys, run_command, run_configured, say, shown
from study.config import Config

COMMAND = Command(
    "study.train",
    OwnKeys,
    WHOLE,
    details="The result is a study of one trial, which all commands accept like any other study.",
)
DEFAULTS = {"study.trials": "1", "study.name": "train"}


def main(arguments: Sequence[str]) -> None:
    """Train once and print the table, or forecast the training."""
    run_configured(COMMAND, arguments, _train, DEFAULTS)


def _train(config: Config, own: OwnKeys) -> None:
    if config.dry_run:
        from study.workflow.forecast import forecast

        say(forecast(config, searches=False))
        return
    from study.workflow.study import train_once

    with shown() as show:
        if config.tuning.storage is not None:
            show.say("tuning.storage: not used, since study.train searches nothing")
        train_once(config, show)


if __name__ == "__main__":
    run_command(main)
