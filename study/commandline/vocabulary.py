"""What a command understands, to tell what is meant by something that it does not understand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from study.config.nearest import nearest

__all__ = ["Vocabulary"]


@dataclass(frozen=True)
class Vocabulary:
    """Keys and choices of a command.

    Attributes:
        keys: dotted paths.
        switches: those of them that are true or false.
        choices: of each group of the configuration.
        options: those that take a value, of `--cfg job` and `--config-dir DIR`.
    """

    keys: Sequence[str]
    switches: Sequence[str] = ()
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Sequence[str] = ()

    def is_key(self, option: str) -> bool:
        """Whether an option names a key: `--trainer.epochs`."""
        return self._key(option) in (*self.keys, *self.choices)

    def instead_of_option(self, option: str, value: str) -> str:
        """What to write instead of an option that there is not."""
        key = self._key(option)
        if key in self.switches:
            return f"not an option; write {key}={value or 'true'}"
        if self.is_key(option):
            return f"not an option; write {key}={value or 'VALUE'}"
        options = ("--help", *self.options)
        near = nearest(option, options) or nearest(key, [*self.keys, *self.choices])
        hint = f"; did you mean {near}{'' if near in options else '=…'}?" if near else ""
        return f"no such option; there are {', '.join(options)}, and key=value{hint}"

    def instead_of_word(self, word: str) -> str | None:
        """What to write instead of a word that is no pair; None if it is not known what is meant."""
        key, separator, value = word.partition(":")
        if key in (*self.keys, *self.choices):
            meant = value.strip() if separator else "true" if key in self.switches else ""
            return f"not key=value; write {key}={meant or 'VALUE'}"
        groups = [group for group, names in self.choices.items() if word in names]
        if groups:
            return f"not key=value; did you mean {' or '.join(f'{group}={word}' for group in groups)}?"
        if near := nearest(word, self.switches):
            return f"not key=value; did you mean {near}=true?"
        if "." in word and "/" not in word and (near := nearest(word, self.keys)):
            return f"not key=value; did you mean {near}=…?"
        return None

    @staticmethod
    def _key(option: str) -> str:
        return option.lstrip("-–—").replace("-", "_")
