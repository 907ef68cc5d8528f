"""`python -m docs.generate`: writes the reference pages from the code, so that they cannot go stale."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from docs.interface import interface_page
from docs.metrics import metrics_page
from docs.settings import escaped, settings_page, settings_table
from study.commandline import Command
from study.commandline.commands import COMMANDS, module_of
from study.commandline.groups import about_choice, choices
from study.commandline.help import usage

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `python -m docs.generate`; change the code, not this page. -->\n\n"
_GROUPS = {
    "cohort": "Whose scans.",
    "model": "Which network, at which size.",
    "trainer": "How a network is trained.",
    "schedule": "How a dropped modality fades out.",
    "technique": "What is trained against missing modalities; sets several sections at once.",
    "search_space": "What is searched. How to write one: [Search what you want](../how-to/search-space.md).",
    "experiment": "Whole studies, after the papers.",
}


def pages() -> dict[str, str]:
    """The text of each page of the reference by its file's name."""
    written = {
        "commands.md": _commands(),
        "settings.md": settings_page(),
        "choices.md": _choices(),
        "metrics.md": metrics_page(),
        "python.md": interface_page(),
    }
    return {name: NOTE + text for name, text in written.items()}


def _commands() -> str:
    lines = [
        "# Commands",
        "",
        "`python -m study` lists them, and each prints with `--help` what stands here.",
        "[Type a command](../how-to/command-line.md) says how arguments are written. A mistake is answered with what",
        "is wrong, where and what to do, before anything runs, with exit code 2. A study whose trials all fail ends",
        "with exit code 3.",
    ]
    for called in COMMANDS:
        command: Command[Any] = import_module(module_of(called)).COMMAND
        lines += ["", f"## {called}", "", *_command(command)]
    return "\n".join([*lines, ""])


def _command(command: Command[Any]) -> Iterator[str]:
    """What a command is for, how it is used, and its keys as a table."""
    yield from (escaped(command.purpose), "", "```text", usage(command), "```")
    if command.keys:
        yield from ("", *settings_table(command.keys))
    if command.others is not None:
        yield from ("", f"`{command.others.name}=…`: {escaped(command.others.about)}.")
    if command.composes:
        yield from ("", "It takes every [choice](choices.md) and every [setting](settings.md).")
    elif command.settings:
        taken = [f"`{taken}`" if taken in command.settings else f"`{taken}.…`" for taken in command.takes]
        yield from ("", f"Of the [settings](settings.md) it takes {', '.join(taken)}.")


def _choices() -> str:
    lines = [
        "# Choices",
        "",
        "A choice is a file that sets several settings at once: `model=nnunet`. A setting that is typed wins over it.",
        "Choices of your own are files in a folder that `--config-dir` names.",
    ]
    for group, names in choices().items():
        lines += ["", f"## {group}", "", _GROUPS[group]]
        for name in names:
            lines += ["", *_choice(group, name)]
    return "\n".join([*lines, ""])


def _choice(group: str, name: str) -> list[str]:
    """What the file says of itself, and its content in a box that opens."""
    words, content = about_choice(group, name)
    yaml.safe_load(content)
    box = [
        "",
        '??? note "What it sets"',
        "    ```yaml",
        *(f"    {line}".rstrip() for line in content.splitlines()),
    ]
    return [f"### `{group}={name}`", "", *words, *box, "    ```"]


def write(folder: Path = REFERENCE) -> None:
    """Write every page."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
