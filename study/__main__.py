"""`python -m study`: lists the commands."""

from __future__ import annotations

from collections.abc import Sequence

from study.commandline import run_command, say
from study.commandline.commands import COMMANDS
from study.commandline.grammar import HELP
from study.config.nearest import nearest
from study.errors import ConfigError
from study.machine.shell import command_line, interpreter


def main(arguments: Sequence[str]) -> None:
    """List the commands; raises ConfigError for a word that is none of them, with the nearest one."""
    if words := [argument for argument in arguments if argument not in HELP]:
        near = nearest(words[0], COMMANDS)
        hint = f"write {command_line(near)} …" if near else f"{command_line('study')} lists the commands"
        raise ConfigError([f"{words[0]}: {hint}"])
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {about}" for name, about in COMMANDS.items()]
    typed = f"{interpreter()} -m NAME key=value …"
    say("\n".join([f"Commands, typed as {typed}; with --help, each tells its keys:", "", *lines]))


if __name__ == "__main__":
    run_command(main)
