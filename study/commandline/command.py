"""A command: its name, what it is for, and the keys that it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pydantic import Field
from pydantic.fields import FieldInfo

from study.commandline.commands import COMMANDS
from study.commandline.grammar import HELP, parse
from study.commandline.groups import GROUPS, choices
from study.commandline.progress import say
from study.commandline.reading import read_pairs, resolved
from study.commandline.vocabulary import Vocabulary
from study.config import Config, Section, is_setting
from study.config.fields import section_of, settings_of
from study.config.nearest import VERY_ALIKE, nearest
from study.config.validation import validate_section
from study.errors import ConfigError
from study.machine.shell import command_line

__all__ = ["WHOLE", "Command", "DebugKey", "Given", "OtherKeys", "OwnKeys", "Settings"]

REFERENCE = "${"  # to another key, or to a variable of the environment
WHOLE = ("",)  # in `Command.takes`: the whole configuration


class OwnKeys(Section):
    """Keys of a command itself; those of a command that takes the whole configuration have `debug` from there."""


class DebugKey(OwnKeys):
    """Keys of a command that does not take the whole configuration."""

    debug: bool = Field(False, description="show the traceback of an error")


Own = TypeVar("Own", bound=OwnKeys)


class Settings(NamedTuple):
    """Keys of the configuration as typed, to be composed.

    Attributes:
        pairs: key, or group, to value.
        directories: folders of the user's own choices.
    """

    pairs: Mapping[str, str]
    directories: Sequence[Path] = ()


class Given(NamedTuple, Generic[Own]):
    """What a command was given.

    Attributes:
        own: its own keys.
        settings: keys of the configuration.
        shows_config: whether the configuration shall be shown (`--cfg job`), and nothing else be done.
    """

    own: Own
    settings: Settings
    shows_config: bool


@dataclass(frozen=True)
class OtherKeys:
    """Keys whose names the user chooses, such as those of modalities.

    Attributes:
        name: what stands for them in the help.
        about: what they are.
    """

    name: str
    about: str


@dataclass(frozen=True)
class Command(Generic[Own]):
    """What is known of a command: its grammar, its help and its page of the reference come from here.

    Attributes:
        called: what is typed behind `python -m`, a key of `COMMANDS`: its module, and a verb if it has one.
        own: its own keys.
        takes: dotted paths of the settings, sections and groups of the configuration that it takes.
        details: more than `COMMANDS` says of it, for the help.
        others: keys with names of the user's; `own` allows them (`extra="allow"`).
    """

    called: str
    own: type[Own]
    takes: tuple[str, ...] = ()
    details: str = ""
    others: OtherKeys | None = None

    @property
    def purpose(self) -> str:
        """What it does."""
        return "\n\n".join(filter(None, [COMMANDS[self.called], self.details]))

    @property
    def composes(self) -> bool:
        """Whether it takes the whole configuration."""
        return self.takes == WHOLE

    @cached_property
    def settings(self) -> dict[str, FieldInfo]:
        """The settings of the configuration that it takes, by dotted path."""
        return {path: field for path, field in settings_of(Config) if self._is_taken(path)}

    @cached_property
    def keys(self) -> dict[str, FieldInfo]:
        """Its own keys by dotted path."""
        found = dict(settings_of(self.own))
        return {path: found[path] for path in sorted(found, key="debug".__eq__)}

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """The choices of each group of the configuration that it takes."""
        return {group: names for group, names in choices().items() if self._is_taken(group)}

    def run(self, arguments: Sequence[str], body: Callable[[Given[Own]], None]) -> None:
        """Do what the arguments say: show the help, or call `body` with what was given.

        Raises:
            ConfigError: lists every argument that is not understood, and every wrong key or value of its own.
        """
        asked = [place for place, argument in enumerate(arguments) if argument in HELP]
        if asked:
            from study.commandline.help import help_text

            say(help_text(self, [word for word in arguments[asked[0] :] if word not in HELP]))
            return
        body(self.read(arguments))

    def read(self, arguments: Sequence[str]) -> Given[Own]:
        """What the arguments give; raises ConfigError like `run`."""
        typed = parse(self._without_verb(arguments), self._vocabulary())
        own = {key: value for key, value in typed.pairs.items() if not self._is_setting(key)}
        settings = {key: value for key, value in typed.pairs.items() if key not in own}
        return Given(self._own(own), Settings(settings, typed.directories), typed.shows_config)

    def _own(self, pairs: Mapping[str, str]) -> Own:
        """The command's own keys, validated."""
        unfit = {key: line for key in pairs if (line := self._unfit(key))}
        fit = {key: value for key, value in pairs.items() if key not in unfit}
        try:
            content = read_pairs(fit, self.own)
            if any(REFERENCE in value for value in fit.values()):
                content = resolved(content)
            keys = validate_section(self.own, content, [*self.settings, *self.choices])
        except ConfigError as error:
            raise ConfigError([*unfit.values(), *error.problems]) from None
        if unfit:
            raise ConfigError([*unfit.values()])
        return keys

    def _without_verb(self, arguments: Sequence[str]) -> Sequence[str]:
        name, _, verb = self.called.partition(" ")
        if not verb:
            return arguments
        if list(arguments[:1]) != [verb]:
            written = f"{command_line(name, verb)} key=value …"
            raise ConfigError([f"{' '.join([name, *arguments[:1]])}: write {written}"])
        return arguments[1:]

    def _vocabulary(self) -> Vocabulary:
        fields = self.keys | self.settings
        switches = [key for key, field in fields.items() if field.annotation is bool]
        options = {"--config-dir": bool(self.choices), "--cfg": self.composes}
        return Vocabulary(
            list(fields), switches, self.choices, [name for name, there in options.items() if there]
        )

    def _is_setting(self, key: str) -> bool:
        return self._is_taken(key) and key not in self.keys

    def _is_taken(self, path: str) -> bool:
        return any(not taken or path == taken or path.startswith(f"{taken}.") for taken in self.takes)

    def _unfit(self, key: str) -> str | None:
        """Why a key is not the command's, where it is one of the configuration's or hardly one of the user's."""
        if key in self.keys:
            return None
        if self.others is None:
            told = f"{key}: {self.called} does not take it; --help lists what it takes"
            return told if self._is_foreign(key) else None
        near = nearest(key, self.keys, VERY_ALIKE)
        return f"{key}: no such key; did you mean {near}?" if near else None

    def _is_foreign(self, key: str) -> bool:
        """Whether a key is one of the configuration's, and lies in no section that the command has or takes."""
        above, _, below = key.partition(".")
        field = self.own.model_fields.get(above)
        ours = field is not None and section_of(field) is not None if below else field is not None
        return key in GROUPS or is_setting(key) or (above in Config.model_fields and not ours)
