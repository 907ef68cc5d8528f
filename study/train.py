"""`python -m study.train`: trains once in this process, without Ray and MLflow, for debugging or bare GPU machines."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import run_command, run_configured, say
from study.config import Config

PURPOSE = """Train one network with the given configuration; only the post-processing is searched.
The result is a study of one trial, which study.evaluate, study.export and study.predict accept like any other."""


def main(arguments: Sequence[str]) -> None:
    """Train once and print the table, or forecast the training."""
    named = any(argument.startswith("study.name=") for argument in arguments)
    defaults = ["study.trials=1"] if named else ["study.trials=1", "study.name=train"]
    run_configured("study.train", PURPOSE, arguments, _train, defaults)


def _train(config: Config) -> None:
    if config.dry_run:
        from study.workflow.forecast import forecast

        say(forecast(config, searches=False))
        return
    from study.workflow.study import train_once

    train_once(config, say)


if __name__ == "__main__":
    run_command(main)
