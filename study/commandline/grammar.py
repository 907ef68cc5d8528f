"""The grammar of all commands: `key=value` arguments, and the options `--cfg job` and `--config-dir DIR`.

What stands behind the first equals sign is the value, as the shell delivers it; `study.commandline.values` reads it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from study.commandline.vocabulary import Vocabulary
from study.errors import ConfigError

__all__ = ["HELP", "Typed", "parse"]

HELP = ("-h", "--help")  # wherever it stands, the help is shown and nothing else is done
BRACKETS = {"[": "]", "{": "}"}
LONG_DASHES = ("–", "—")  # what word processors make of two hyphens


@dataclass
class Typed:
    """Arguments, sorted by what they are.

    Attributes:
        pairs: key to value, as typed, in order.
        directories: folders of the user's own choices (`--config-dir`).
        shows_config: whether the configuration is asked for (`--cfg job`).
    """

    pairs: dict[str, str] = field(default_factory=dict)
    directories: list[Path] = field(default_factory=list)
    shows_config: bool = False


def parse(arguments: Sequence[str], known: Vocabulary) -> Typed:
    """Sort arguments; keys and values are not judged yet.

    Args:
        arguments: as the shell delivers them.
        known: what may be meant by an argument that is not understood.

    Raises:
        ConfigError: a line for every argument that is not understood, and what to write instead.
    """
    reader = _Reader(arguments, known)
    reader.read()
    if reader.problems:
        raise ConfigError(reader.problems)
    return reader.typed


class _Reader:
    """Reads arguments from left to right."""

    def __init__(self, arguments: Sequence[str], known: Vocabulary) -> None:
        self.typed = Typed()
        self.problems: list[str] = []
        self._rest = list(arguments)
        self._known = known
        self._last_key: str | None = None  # of the pair before, which a word may belong to

    def read(self) -> None:
        while self._rest:
            argument = self._rest.pop(0)
            if argument.startswith(("-", *LONG_DASHES)) and not argument[1:2].isdigit():
                self._option(argument)
                self._last_key = None
            elif apart := self._written_apart(argument):
                self._complain(f"{apart}: written apart; leave out the spaces: {apart.replace(' ', '')}")
            elif "=" in argument:
                self._pair(argument)
            else:
                self._word(argument)

    def _complain(self, problem: str) -> None:
        self.problems.append(problem)

    def _option(self, argument: str) -> None:
        name, separator, value = argument.partition("=")
        if name not in self._known.options:
            self._complain(f"{argument}: {self._known.instead_of_option(name, value or self._peek())}")
            if not separator and self._has_value(name):
                self._rest.pop(0)
            return
        value = value if separator else self._rest.pop(0) if self._rest else ""
        if name == "--cfg":
            self.typed.shows_config = True
            if value != "job":
                self._complain(f"{argument}: write --cfg job, which prints the configuration")
        elif value and Path(value).is_dir():
            self.typed.directories.append(Path(value))
        else:
            self._complain(f"--config-dir: no such folder: {value or '(none given)'}")

    def _has_value(self, option: str) -> bool:
        """Whether the next argument belongs to an option that there is not."""
        following = self._peek()
        return following != "" and (self._known.is_key(option) or not self._known.instead_of_word(following))

    def _peek(self) -> str:
        """The next argument if it may be a value; "" otherwise."""
        following = self._rest[0] if self._rest else ""
        return "" if following.startswith("-") or "=" in following else following

    def _written_apart(self, argument: str) -> str | None:
        """`key = value` in two or three arguments, which are taken together; None if it is not that."""
        following = self._rest[0] if self._rest else ""
        alone = "=" not in argument
        if alone and following == "=" and len(self._rest) > 1:
            return f"{argument} {self._rest.pop(0)} {self._rest.pop(0)}"
        if alone and following.startswith("=") and following != "=":
            return f"{argument} {self._rest.pop(0)}"
        if argument.count("=") == 1 and len(argument) > 1 and argument.endswith("=") and self._peek():
            return f"{argument} {self._rest.pop(0)}"
        return None

    def _pair(self, argument: str) -> None:
        key, _, value = argument.partition("=")
        self._last_key = key
        if key != key.strip() or value != value.strip():
            self._complain(
                f"{argument}: has spaces around the equals sign; write {key.strip()}={value.strip()}"
            )
        elif not key:
            self._complain(f"{argument}: has no key before the equals sign; write key=value")
        elif key[0] in "+~":
            self._complain(f"{argument}: write {key.lstrip('+~')}={value}, without {key[0]}")
        elif not value:
            self._complain(f"{key}: has no value; write {key}=VALUE, or leave it out")
        elif self.typed.pairs.get(key, value) != value:
            self._complain(
                f"{key}: given twice, as {self.typed.pairs[key]} and as {value}; leave one of them out"
            )
        elif (whole := self._until_closed(argument)) != argument:
            self._complain(f"{whole}: the shell has split it at its spaces; write {shlex.quote(whole)}")
        else:
            self.typed.pairs[key] = value

    def _until_closed(self, argument: str) -> str:
        """The argument with the words behind it that close its brackets; unchanged where none do."""
        value = argument.partition("=")[2]
        if value[0] not in BRACKETS or value.endswith(BRACKETS[value[0]]):
            return argument
        for count, word in enumerate(self._rest, 1):
            if "=" in word:
                break
            if word.endswith(BRACKETS[value[0]]):
                words = [argument, *self._rest[:count]]
                del self._rest[:count]
                return " ".join(words)
        return argument

    def _word(self, word: str) -> None:
        """A word that is no pair: what it may be meant for."""
        if self._known.is_key(word) and self._peek():
            value = self._rest.pop(0)
            self._complain(f"{word} {value}: not key=value; write {word}={value}")
        elif meant := self._known.instead_of_word(word):
            self._complain(f"{word}: {meant}")
        elif self._last_key in self.typed.pairs:
            words = [word, *self._following_words()]
            whole = " ".join([f"{self._last_key}={self.typed.pairs[self._last_key]}", *words])
            self._complain(
                f"{' '.join(words)}: not key=value; if it belongs to {self._last_key}, write {shlex.quote(whole)}"
            )
        else:
            self._complain(f"{word}: not key=value; --help lists the keys")

    def _following_words(self) -> Iterator[str]:
        while self._peek() and not self._known.instead_of_word(self._peek()):
            yield self._rest.pop(0)
