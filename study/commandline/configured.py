"""Commands that take the whole configuration: `group=choice key=value …`, `--help`, `--cfg job`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from study.commandline.composition import compose, to_yaml
from study.commandline.help import help_text
from study.commandline.overrides import take_cfg_job
from study.config import Config


def run_configured(
    command: str,
    purpose: str,
    arguments: Sequence[str],
    run: Callable[[Config], None],
    defaults: Sequence[str] = (),
) -> None:
    """Compose the configuration and run a command with it, or show the help (`--help`) or the configuration.

    Args:
        command: module of the command, for the help.
        purpose: the first lines of the help.
        arguments: as typed.
        run: what the command does.
        defaults: arguments that typed ones override.
    """
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(f"{help_text(command, purpose)}\n")
        return
    arguments, show = take_cfg_job(arguments)
    config = compose([*defaults, *arguments])
    if show:
        sys.stdout.write(to_yaml(config))
    else:
        run(config)
