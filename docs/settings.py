"""The reference of settings, from the pydantic models that judge them."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from study.config import Config
from study.config.known import Known
from study.config.own_settings import SettingsByName, SettingsOf

_INTRODUCTION = """\
# Settings

One dotted path names a setting everywhere: on the command line (`trainer.epochs=50`), in a search space, in MLflow, and
in the record of what a trial searched. `null` means "not set". Defaults are those of the code; [choices](choices.md)
set others, and `python -m study.run … --cfg job` prints what a study gets.
"""
_PLAIN = {
    float: "number",
    int: "whole number",
    str: "text",
    bool: "true or false",
    Path: "path",
    Any: "anything",
}


def settings_page() -> str:
    """The text of the page: a table for each section."""
    lines = [_INTRODUCTION]
    top = [(name, field) for name, field in Config.model_fields.items() if _section(field) is None]
    for name, field in Config.model_fields.items():
        if (section := _section(field)) is not None:
            lines += _section_lines(name, section, 2)
    lines += ["## Top level", "", *_table("", top), ""]
    return "\n".join(lines)


def undescribed() -> list[str]:
    """The paths of settings without a description."""
    found = []
    for name, field in Config.model_fields.items():
        section = _section(field)
        found += [name] if section is None and not field.description else []
        found += _undescribed(name, section) if section is not None else []
    return found


def _undescribed(path: str, section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if (inner := _section(field)) is not None:
            yield from _undescribed(f"{path}.{name}", inner)
        elif not field.description:
            yield f"{path}.{name}"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _section_lines(path: str, section: type[BaseModel], level: int) -> list[str]:
    lines = ["#" * level + f" {path}", "", inspect.getdoc(section) or "", ""]
    plain = [(name, field) for name, field in section.model_fields.items() if _section(field) is None]
    lines += [*_table(f"{path}.", plain), ""] if plain else []
    for name, field in section.model_fields.items():
        if (inner := _section(field)) is not None:
            lines += _section_lines(f"{path}.{name}", inner, min(level + 1, 4))
    return lines


def _table(prefix: str, settings: Sequence[tuple[str, FieldInfo]]) -> list[str]:
    lines = ["| setting | value | default | what it is |", "|---|---|---|---|"]
    for name, field in settings:
        default = (
            "required" if field.is_required() else f"`{_shown(field.get_default(call_default_factory=True))}`"
        )
        cells = (f"`{prefix}{name}`", type_in_words(field.annotation, field.metadata), default)
        about = escaped(field.description or "")
        lines.append(f"| {' | '.join(cells)} | {about} |")
    return lines


def escaped(text: str) -> str:
    """Plain text as Markdown, in a cell of a table, too."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def type_in_words(kind: Any, metadata: Sequence[Any] = ()) -> str:
    """What values a setting takes: "whole number, at least 1", "one of `sgd`, `adam`"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return type_in_words(inner[0], [*inner[1:], *metadata])
    if origin in (Union, types.UnionType):
        words = [type_in_words(one, metadata) for one in inner if one is not types.NoneType]
        return " or ".join([*words, *(["`null`"] if types.NoneType in inner else [])])
    if origin is Literal:
        return "one of " + ", ".join(f"`{_shown(choice)}`" for choice in inner)
    if origin in (tuple, list):
        return _list_in_words(inner, metadata)
    if origin is dict or any(isinstance(one, SettingsOf | SettingsByName) for one in metadata):
        return "a mapping"
    if known := next((one for one in metadata if isinstance(one, Known)), None):
        return "one of " + ", ".join(f"`{name}`" for name in known.names()) if known.names() else "a name"
    return ", ".join([_PLAIN.get(kind, getattr(kind, "__name__", str(kind))), *_limits(metadata)])


def _list_in_words(inner: Sequence[Any], metadata: Sequence[Any]) -> str:
    if len(inner) > 1 and inner[1] is not Ellipsis:
        return f"list of {len(inner)}: {type_in_words(inner[0])}"
    return ", ".join([f"list: {type_in_words(inner[0])}", *_limits(metadata)])


def _limits(metadata: Sequence[Any]) -> Iterator[str]:
    limits = [one for item in metadata for one in (item.metadata if isinstance(item, FieldInfo) else [item])]
    low = next((limit.ge for limit in limits if isinstance(limit, bounds.Ge)), None)
    high = next((limit.le for limit in limits if isinstance(limit, bounds.Le)), None)
    if low is not None and high is not None:
        yield f"{low} to {high}"
    elif low is not None:
        yield f"at least {low}"
    elif high is not None:
        yield f"at most {high}"
    for limit in limits:
        match limit:
            case bounds.Gt():
                yield f"above {limit.gt}"
            case bounds.Lt():
                yield f"below {limit.lt}"
            case bounds.MinLen():
                yield f"at least {limit.min_length} of them"
            case _:
                continue


def _shown(value: Any) -> str:
    """A value as it is typed on the command line."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return f"[{','.join(map(_shown, value))}]"
    if isinstance(value, str | Path):
        return str(value)
    return json.dumps(value)
