"""Fields of sections by their dotted paths."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

__all__ = ["Kind", "find_field", "kind_at", "paths_of", "section_of", "settings_of"]


class Kind(NamedTuple):
    """The type of a value, and what `Annotated` adds to it."""

    type: Any
    metadata: tuple[Any, ...] = ()

    @classmethod
    def of(cls, annotation: Any) -> Kind:
        """A type as it is annotated."""
        if get_origin(annotation) is Annotated:
            inner, *metadata = get_args(annotation)
            return cls(inner, tuple(metadata))
        return cls(annotation)

    @property
    def unless_null(self) -> Kind:
        """The type without None; unchanged where several types are left."""
        if get_origin(self.type) not in (Union, types.UnionType):
            return self
        others = [one for one in get_args(self.type) if one is not types.NoneType]
        if len(others) != 1:
            return self
        inner = Kind.of(others[0])
        return Kind(inner.type, (*inner.metadata, *self.metadata))

    @property
    def entry(self) -> Kind | None:
        """The type of the entries of a list, or of the values of a mapping; None for anything else."""
        plain = self.unless_null.type
        origin, inner = get_origin(plain), get_args(plain)
        if origin in (tuple, list) and inner:
            return Kind.of(inner[0])
        return Kind.of(inner[1]) if origin is dict else None

    @property
    def is_text(self) -> bool:
        """Whether a value is text, a path, or one of several names, whatever it looks like."""
        plain = self.unless_null.type
        named = get_origin(plain) is Literal and all(isinstance(one, str) for one in get_args(plain))
        return named or (isinstance(plain, type) and issubclass(plain, str | Path))

    @property
    def is_list(self) -> bool:
        """Whether a value is a list."""
        return get_origin(self.unless_null.type) in (tuple, list)


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds; None for a setting."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def settings_of(section: type[BaseModel], above: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Dotted path and field of every setting of a section and of the sections below it.

    Args:
        section: where to begin.
        above: its own path.
    """
    for name, field in section.model_fields.items():
        path = f"{above}.{name}" if above else name
        if (inner := section_of(field)) is not None:
            yield from settings_of(inner, path)
        else:
            yield path, field


def paths_of(section: type[BaseModel]) -> list[str]:
    """The dotted paths of all settings of a section."""
    return [path for path, _ in settings_of(section)]


def find_field(section: type[BaseModel], path: str) -> FieldInfo | None:
    """The field at a dotted path, a setting or a section; None if there is none."""
    name, _, below = path.partition(".")
    field = section.model_fields.get(name)
    if field is None or not below:
        return field
    inner = section_of(field)
    return None if inner is None else find_field(inner, below)


def kind_at(owner: Any, path: tuple[str, ...]) -> Kind | None:
    """The type of the value at a path below a section, a dataclass, a list or a mapping; None if it is not known."""
    kind: Kind | None = Kind(owner)
    for name in path:
        if kind is None:
            return None
        kind = _member(kind.unless_null, name)
    return kind


def _member(kind: Kind, name: str) -> Kind | None:
    if isinstance(kind.type, type) and issubclass(kind.type, BaseModel):
        field = kind.type.model_fields.get(name)
        if field is not None:
            return Kind(field.annotation, tuple(field.metadata))
        free = kind.type.model_config.get("extra") == "allow"
        return (
            Kind.of(get_type_hints(kind.type, include_extras=True)["__pydantic_extra__"]).entry
            if free
            else None
        )
    if dataclasses.is_dataclass(kind.type):
        hints = get_type_hints(kind.type, include_extras=True)
        return Kind.of(hints[name]) if name in hints else None
    return kind.entry
