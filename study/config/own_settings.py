"""Own settings of parts of installed packages, as types of fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from study.config.explaining import relocated
from study.config.mistakes import mistake, plain, refusal
from study.config.nearest import no_such_key
from study.config.parts import part_names, part_settings

__all__ = ["OWN", "PartSettings", "SettingsByName", "SettingsOf", "chooser_of"]


OWN = "settings"  # the key of a part's own settings in the section that chooses it


class PartSettings(BaseModel):
    """The own settings of parts of installed packages, by the part's name; empty where there are none."""

    model_config = ConfigDict(frozen=True, extra="allow", defer_build=True)


@dataclass(frozen=True)
class SettingsOf:
    """In `Annotated[Any, SettingsOf(…)]`: the own settings of the one part that a section chooses.

    The value is an instance of the part's own type, or an empty `PartSettings` where the part has none.

    Attributes:
        chooser: the field with the part's name, above this one in the section.
        type_of: from the part's name to the type of its settings.
    """

    chooser: str
    type_of: Callable[[str], type | None]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Whatever the part's type makes of a mapping."""
        return core_schema.with_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any, info: ValidationInfo) -> Any:
        name = info.data.get(self.chooser)
        if name is None:  # refused already
            return PartSettings()
        return _read_settings(self.type_of(name), name, value)


@dataclass(frozen=True)
class SettingsByName:
    """In `Annotated[Any, SettingsByName(…)]`: the own settings of the parts that a section chooses, by their names.

    The value is a `PartSettings` with one attribute for each part that has settings and is chosen or mentioned.

    Attributes:
        choosers: pairs of a field with one or several names, above this one in the section, and their kind.
    """

    choosers: tuple[tuple[str, str], ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Whatever each part's type makes of its mapping."""
        return core_schema.with_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any, info: ValidationInfo) -> PartSettings:
        given = _mapping(value)
        types = {name: self._type_of(name) for name in dict.fromkeys([*self._chosen(info), *given])}
        read: dict[str, Any] = {}
        problems: list[InitErrorDetails] = []
        for name, wanted in types.items():
            try:
                if wanted is not None:
                    read[name] = _read_settings(wanted, name, given.get(name, {}))
                elif name in given:
                    raise refusal([mistake("no part of this name has settings of its own")])
            except ValidationError as error:
                problems += relocated(PartSettings, error, name)
        if problems:
            raise refusal(problems)
        return PartSettings(**read)

    def _chosen(self, info: ValidationInfo) -> Iterator[str]:
        for field, _ in self.choosers:
            chosen = info.data.get(field) or ()
            yield from (chosen,) if isinstance(chosen, str) else chosen

    def _type_of(self, name: str) -> type | None:
        kinds = [kind for _, kind in self.choosers if name in part_names(kind)]
        found = [wanted for kind in kinds if (wanted := part_settings(kind, name)) is not None]
        if len(found) > 1:
            raise plain(f"two parts are called {name} and have settings of their own; rename one of them")
        return found[0] if found else None


def _read_settings(wanted: type | None, owner: str, value: Any) -> Any:
    """An instance of the wanted type; raises ValidationError with every mistake."""
    if wanted is not None and isinstance(value, wanted):
        return value
    given = _mapping(value)
    legal = _fields(wanted)
    problems = [mistake(_no_setting(legal, owner, name), name) for name in given if name not in legal]
    if wanted is None:
        if problems:
            raise refusal(problems)
        return PartSettings()
    try:
        read: Any = TypeAdapter(wanted).validate_python(
            {name: given[name] for name in legal if name in given}
        )
    except ValidationError as error:
        problems += relocated(wanted, error)
    if problems:
        raise refusal(problems)
    return read


def _no_setting(legal: Sequence[str], owner: str, name: str) -> str:
    return no_such_key(legal, owner, name) if legal else f"no such key; {owner} has no settings of its own"


def _fields(wanted: type | None) -> tuple[str, ...]:
    if wanted is None:
        return ()
    if issubclass(wanted, BaseModel):
        return tuple(wanted.model_fields)
    return tuple(field.name for field in dataclasses.fields(cast(Any, wanted)))


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, PartSettings):
        return value.model_extra or {}
    if not isinstance(value, Mapping):
        raise plain(f"must be a mapping of settings to values, got {value!r}")
    return value


def chooser_of(section: Any) -> str | None:
    """The field that decides which own settings a section has; None where there is none, or several decide."""
    fields = getattr(section, "model_fields", {})
    markers = fields[OWN].metadata if OWN in fields else ()
    return next((marker.chooser for marker in markers if isinstance(marker, SettingsOf)), None)
