"""From nested content to a frozen section, or to an error that lists every mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from study.config.mistakes import PLAIN
from study.errors import ConfigError

S = TypeVar("S", bound=BaseModel)


def validate_section(section: type[S], content: Mapping[str, Any]) -> S:
    """The frozen section that nested content makes.

    Raises:
        ConfigError: lists every mistake with its dotted path and the legal values.
    """
    try:
        return section.model_validate(content)
    except ValidationError as error:
        raise ConfigError([_describe(section, detail) for detail in error.errors()]) from None


def keys_of(section: type[BaseModel], path: str) -> tuple[str, ...]:
    """The keys of the section at a dotted path below another ('' is that one itself); none for a field."""
    for name in filter(None, path.split(".")):
        field = section.model_fields.get(name)
        if field is None or not (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            return ()
        section = field.annotation
    return tuple(section.model_fields)


def no_such_key(legal: Sequence[str], where: str, given: str) -> str:
    """What is wrong with a key that a section does not have, with its keys and the nearest one."""
    near = get_close_matches(given, legal, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"no such key; {where} has {', '.join(legal)}{hint}"


def _describe(section: type[BaseModel], detail: Any) -> str:
    location = [str(part) for part in detail["loc"]]
    path = ".".join(location)
    if detail["type"] == "extra_forbidden":
        parent = ".".join(location[:-1])
        return f"{path}: {no_such_key(keys_of(section, parent), parent or 'the configuration', location[-1])}"
    if detail["type"] == "missing":
        return f"{path}: required and not given"
    message = str(detail["msg"]).removeprefix("Value error, ")
    if detail["type"] == PLAIN:
        return f"{path}: {message}"
    if not path:
        return message
    given = detail["input"]
    shown = "" if isinstance(given, dict) else f", got {given!r}"
    return f"{path}: {message}{shown}"
