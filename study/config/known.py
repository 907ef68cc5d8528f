"""Settings that name a part, as types of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, get_args

from pydantic import GetCoreSchemaHandler
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, core_schema

from study.config.mistakes import plain
from study.config.parts import check_part, part_names

__all__ = ["Known", "find_known", "known"]


@dataclass(frozen=True)
class Known:
    """In `Annotated[str, known(kind)]`: the value is the name of a part that is there.

    Attributes:
        names: all legal names.
        check: raises ValueError for a name that cannot be used.
    """

    names: Callable[[], tuple[str, ...]]
    check: Callable[[str], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Strings that pass `check`."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def _checked(self, name: str) -> str:
        try:
            self.check(name)
        except ValueError as error:
            raise plain(str(error)) from None
        return name


def known(kind: str) -> Known:
    """The names of the parts of a kind (see `study.config.parts`)."""
    return Known(partial(part_names, kind), partial(check_part, kind))


def find_known(field: FieldInfo) -> Known | None:
    """What a field's value, or each entry of it, is a name of."""
    return next((found for found in _metadata(field) if isinstance(found, Known)), None)


def _metadata(field: FieldInfo) -> Iterator[Any]:
    """What `Annotated` says of a field, of what it may be, and of its entries."""
    yield from field.metadata
    yield from _nested(field.annotation)


def _nested(annotation: Any) -> Iterator[Any]:
    for argument in get_args(annotation):
        yield from getattr(argument, "__metadata__", ())
        yield from _nested(argument)
