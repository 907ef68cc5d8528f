"""From nested content to a frozen section, or to an error that lists every mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from study.config.explaining import explained
from study.errors import ConfigError

S = TypeVar("S", bound=BaseModel)


def validate_section(section: type[S], content: Mapping[str, Any], more: Sequence[str] = ()) -> S:
    """The frozen section that nested content makes.

    Args:
        section: its type.
        content: nested like the section.
        more: further keys that may be meant by an unknown one.

    Raises:
        ConfigError: lists every mistake with its dotted path and the legal values.
    """
    try:
        return section.model_validate(content)
    except ValidationError as error:
        raise ConfigError(explained(section, error, more)) from None


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
