"""Commands that take the whole configuration, composed and validated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from study.commandline.command import Command, Given, Own
from study.commandline.composition import compose_settings, to_yaml
from study.commandline.progress import say
from study.config import Config

__all__ = ["run_configured"]


def run_configured(
    command: Command[Own],
    arguments: Sequence[str],
    body: Callable[[Config, Own], None],
    defaults: Mapping[str, str] | None = None,
) -> None:
    """Do what the arguments say: show the help or the configuration (`--cfg job`), or call `body` with it.

    Args:
        command: takes the whole configuration.
        arguments: as typed.
        body: what the command does with the configuration and its own keys.
        defaults: key to value as typed, for keys that are not given.

    Raises:
        ConfigError: lists every mistake with its path.
    """

    def compose(given: Given[Own]) -> None:
        config = compose_settings(given.settings._replace(pairs={**(defaults or {}), **given.settings.pairs}))
        if given.shows_config:
            say(to_yaml(config).rstrip())
        else:
            body(config, given.own)

    command.run(arguments, compose)
