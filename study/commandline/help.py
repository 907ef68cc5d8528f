"""The text of `--help`: the keys of a command with their meaning, default and range, from the types that judge them."""

from __future__ import annotations

import inspect
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from study.commandline.groups import about_choice
from study.config import Config
from study.config.fields import Kind, find_field, section_of
from study.config.nearest import did_you_mean
from study.config.words import choices_of, default_in_words, kind_in_words
from study.errors import ConfigError
from study.machine.shell import interpreter

if TYPE_CHECKING:
    from study.commandline.command import Command

__all__ = ["help_text", "setting_in_words", "usage"]

NARROWEST, WIDEST = 60, 120  # columns
GAP = 2  # columns between a key and what it means, and before the key
KEY_COLUMNS = 34  # longer ones have their explanation on the next line
VALUES = """\
A value is text as it is, [a, b] for a list, or null for "not set". An argument with spaces, brackets or quotes is
quoted once, for the shell: 'key=[a, two words]'."""
BEFORE_CHOICES = (
    "What stands behind = is the default; choices set others, and --cfg job prints what a study gets."
)
SHOW_CONFIG = "--cfg job"
OPTIONS = {
    SHOW_CONFIG: "print the configuration that the arguments make, and end",
    "--config-dir DIR": "a folder with choices of your own, such as DIR/search_space/mine.yaml",
}


def help_text(command: Command[Any], topics: Sequence[str] = ()) -> str:
    """The text of `--help`.

    Args:
        command: the command.
        topics: sections, keys, groups and choices that it shall tell of; all of them if empty.

    Raises:
        ConfigError: there is nothing of this name.
    """
    if topics:
        return "\n\n".join("\n".join(_about(command, topic)) for topic in topics)
    parts = [[_paragraphs(command.purpose)], [f"usage: {usage(command, interpreter())}"]]
    parts += [[_paragraphs(VALUES), *_narrower(command)]]
    parts += [[*_entries(command.keys, required=True), *_others(command)]]
    if command.choices:
        parts.append(["Choices, each of which sets several keys:", *_groups(command.choices)])
    parts += [[*_section(path, command)] for path in _sections(command)]
    if command.choices:
        options = {name: about for name, about in OPTIONS.items() if command.composes or name != SHOW_CONFIG}
        parts.append(["Options:", *(line for pair in options.items() for line in _entry(*pair))])
    return "\n\n".join("\n".join(part) for part in parts if part)


def usage(command: Command[Any], python: str = "python") -> str:
    """How a command is typed, with the keys that it requires."""
    required = [f"{path}=…" for path, field in command.keys.items() if field.is_required()]
    others = [f"{command.others.name}=… …"] if command.others else []
    choice = ["[group=choice] …"] if command.choices else []
    return " ".join([python, "-m", command.called, *required, *others, *choice, "[key=value] …"])


def setting_in_words(field: FieldInfo) -> str:
    """What a setting means, and what values it takes where that is not plain."""
    kind = Kind(field.annotation, tuple(field.metadata))
    plain = kind.unless_null.type in (str, Path, Any) and choices_of(kind.unless_null) is None
    return f"{field.description}" if plain else f"{field.description} ({kind_in_words(kind)})"


def _paragraphs(text: str) -> str:
    """Prose, wrapped anew; empty lines stay."""
    return "\n\n".join("\n".join(_wrapped(" ".join(part.split()), "", "")) for part in text.split("\n\n"))


def _narrower(command: Command[Any]) -> Iterator[str]:
    if command.composes:
        yield BEFORE_CHOICES
    if command.choices:
        section = "trainer" if command.composes else next(iter(command.choices))
        key = next(path for path in command.settings if path.startswith(f"{section}."))
        yield f"--help NAME tells of a section, key, group or choice alone: --help {section}, --help {key}."


def _about(command: Command[Any], topic: str) -> list[str]:
    """All that there is of a name: a key, a section, a group, a choice."""
    group, _, name = topic.partition("=")
    if name in command.choices.get(group, ()):
        words, content = about_choice(group, name)
        return [_paragraphs(f"{topic}: {' '.join(words)}".rstrip(": ")), "", content]
    topic, fields = group, command.keys | command.settings
    found = [path for path in fields if path == topic or path.startswith(f"{topic}.")]
    if topic not in command.choices:
        found = found or [path for path in fields if path.rpartition(".")[2] == topic]
    lines = [*_title(topic, Config)] if found and topic not in fields else []
    lines += _entries({path: fields[path] for path in found}, required=topic in command.keys)
    if topic in command.choices:
        lines += ["", "Choices:"] if lines else [f"{topic}: choices, each of which sets several keys"]
        for choice in command.choices[topic]:
            lines += _entry(f"{topic}={choice}", " ".join(about_choice(topic, choice)[0]))
    if not lines:
        names = [*fields, *_sections(command), *command.choices]
        raise ConfigError(
            [f"--help {topic}: {command.called} has nothing of this name{did_you_mean(topic, names)}"]
        )
    return lines


def _sections(command: Command[Any]) -> list[str]:
    """The sections of the settings that a command takes, those at the top level last."""
    found = dict.fromkeys(path.rpartition(".")[0] for path in command.settings)
    return [*filter(None, found), *(section for section in found if not section)]


def _section(path: str, command: Command[Any]) -> Iterator[str]:
    yield from _title(path, Config)
    own = {key: field for key, field in command.settings.items() if key.rpartition(".")[0] == path}
    yield from _entries(own)


def _title(path: str, owner: type[BaseModel]) -> Iterator[str]:
    field = find_field(owner, path)
    section = section_of(field) if field else None
    if section is not None:
        yield from _wrapped(f"{path}: {(inspect.getdoc(section) or '').splitlines()[0]}", "", "  ")
    elif not path:
        yield "All sections:"


def _groups(groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for group, names in groups.items():
        yield from _entry(f"{group}=", ", ".join(names))


def _others(command: Command[Any]) -> Iterator[str]:
    if command.others is not None:
        yield from _entry(f"{command.others.name}=…", command.others.about)


def _entries(fields: Mapping[str, FieldInfo], *, required: bool = False) -> Iterator[str]:
    for path, field in fields.items():
        default = default_in_words(field)
        needed = "; required" if required and default is None else ""
        yield from _entry(f"{path}={'…' if default is None else default}", setting_in_words(field) + needed)


def _entry(key: str, about: str) -> Iterator[str]:
    """A key, and beside it what it means."""
    indent = " " * (KEY_COLUMNS + 2 * GAP)
    start = f"{' ' * GAP}{key}"
    if len(start) > len(indent) - GAP:
        yield start
        start = ""
    yield from _wrapped(about, f"{start:<{len(indent)}}", indent)


def _wrapped(text: str, start: str, indent: str) -> list[str]:
    width = min(max(shutil.get_terminal_size((100, 24)).columns, NARROWEST), WIDEST)
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start]
