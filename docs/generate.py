"""`python -m docs.generate`: writes the reference pages from the code, so that they cannot go stale."""

from __future__ import annotations

import importlib
import io
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import yaml

from docs.interface import interface_page
from docs.settings import escaped, settings_page
from study.commandline.groups import CONF, choices

ROOT = Path(__file__).parents[1]
REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `python -m docs.generate`; change the code, not this page. -->\n\n"
_COMMAND = re.compile(r"^ {4}run_command\((\w+)\)$", re.MULTILINE)
_KEY = re.compile(r"^ {2}(\S+) {2,}(.*)\n?", re.MULTILINE)
_PLACES = ("study/*.py", "study/*/__main__.py", "analysis/*.py", "analysis/*/__main__.py")
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
        "python.md": interface_page(),
    }
    return {name: NOTE + text for name, text in written.items()}


def _commands() -> str:
    helps = list(_helps())
    shared = helps[0][1].partition("\nGroups:\n")[2]
    lines = [
        "# Commands",
        "",
        "Arguments are `key=value`; `--help` prints what stands here. A mistake is answered with what is wrong, where",
        "and what to do, before anything runs, with exit code 2.",
    ]
    for name, text in helps:
        own, separator, _ = text.partition("\nGroups:\n")
        lines += ["", f"## {name}", "", *_command(own)]
        if separator:
            lines += [
                "",
                "It takes [every choice and setting](#what-commands-of-the-whole-configuration-take).",
            ]
    lines += ["", "## What commands of the whole configuration take", ""]
    lines += ["[Settings](settings.md) and [choices](choices.md) explain each.", ""]
    lines += ["```text", f"Groups:\n{shared.strip()}", "```", ""]
    return "\n".join(lines)


def _command(text: str) -> Iterator[str]:
    """What a command is for as prose, how it is used, and its keys as a table."""
    purpose, separator, rest = text.strip().partition("\nusage: ")
    if not separator:
        yield from ("```text", purpose, "```")
        return
    usage, _, body = rest.partition("\n")
    keys = _KEY.findall(body)
    others = _KEY.sub("", body).strip()
    yield from (escaped(purpose.strip()), "", "```text", usage, "```", "")
    if keys:
        yield from ("| key | what it is |", "|---|---|")
        yield from (f"| `{key}` | {escaped(words)} |" for key, words in keys)
    if others:
        yield from ("", "```text", others, "```")


def _helps() -> Iterator[tuple[str, str]]:
    """Each command's module and the text of its `--help`; study.run comes first."""
    files = [path for place in _PLACES for path in sorted(ROOT.glob(place))]
    for path in sorted(files, key=lambda file: file.name != "run.py"):
        if match := _COMMAND.search(path.read_text(encoding="utf-8")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            said = io.StringIO()
            with redirect_stdout(said):
                getattr(importlib.import_module(module), match[1])(["--help"])
            yield module.removesuffix(".__main__"), said.getvalue()


def _choices() -> str:
    lines = [
        "# Choices",
        "",
        "A choice is a file that sets several settings at once: `model=nnunet`. What is typed behind it on the command",
        "line wins over it. Choices of your own are files in a folder that `--config-dir` names.",
    ]
    for group, names in choices().items():
        lines += ["", f"## {group}", "", _GROUPS[group]]
        for name in names:
            lines += ["", *_choice(group, name)]
    return "\n".join([*lines, ""])


def _choice(group: str, name: str) -> list[str]:
    """What the file says of itself, and its content in a box that opens."""
    path = CONF / group / f"{name}.yaml"
    path = path if path.is_file() else ROOT / "search_spaces" / path.name
    text = path.read_text(encoding="utf-8").removeprefix("# @package _global_\n")
    comments = re.match(r"(?:#.*\n)*", text)
    about = comments[0] if comments else ""
    content = text[len(about) :].strip()
    yaml.safe_load(content)
    words = [line.removeprefix("#").strip() for line in about.splitlines()]
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
