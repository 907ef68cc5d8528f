"""The reference of settings, from the pydantic models that judge them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from study.config import Config
from study.config.fields import Kind, section_of, settings_of
from study.config.words import default_in_words, kind_in_words

_INTRODUCTION = """\
# Settings

One dotted path names a setting everywhere: on the command line (`trainer.epochs=50`), in a search space, in MLflow, and
in the record of what a trial searched. `null` means "not set". Defaults are those of the code; [choices](choices.md)
set others, and `python -m study.run … --cfg job` prints what a study gets.
"""


def settings_page() -> str:
    """The text of the page: a table for each section."""
    lines = [_INTRODUCTION]
    for name, field in Config.model_fields.items():
        if (section := section_of(field)) is not None:
            lines += _section_lines(name, section, 2)
    return "\n".join([*lines, "## Top level", "", *settings_table(_settings(Config)), ""])


def undescribed() -> list[str]:
    """The paths of settings without a description."""
    return [path for path, field in settings_of(Config) if not field.description]


def settings_table(settings: Mapping[str, FieldInfo]) -> list[str]:
    """A table of settings by their paths: what values they take, their defaults, and what they are."""
    lines = ["| key | value | default | what it is |", "|---|---|---|---|"]
    for path, field in settings.items():
        default = default_in_words(field)
        cells = (
            f"`{path}`",
            kind_in_words(Kind(field.annotation, tuple(field.metadata)), "`"),
            "required" if default is None else f"`{default}`",
            escaped(field.description or ""),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def escaped(text: str) -> str:
    """Plain text as Markdown, in a cell of a table, too."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def _section_lines(path: str, section: type[BaseModel], level: int) -> list[str]:
    lines = ["#" * level + f" {path}", "", inspect.getdoc(section) or "", ""]
    own = _settings(section, f"{path}.")
    lines += [*settings_table(own), ""] if own else []
    for name, field in section.model_fields.items():
        if (inner := section_of(field)) is not None:
            lines += _section_lines(f"{path}.{name}", inner, min(level + 1, 4))
    return lines


def _settings(section: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """The settings of a section itself, without those of sections below it."""
    fields = section.model_fields.items()
    return {f"{prefix}{name}": field for name, field in fields if section_of(field) is None}
