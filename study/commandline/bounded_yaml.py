"""Limits for YAML that users bring along, checked before it is built.

An alias costs a few bytes and stands for all of what it names: nine lines of aliases of aliases make a billion values.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import ConfigError

if TYPE_CHECKING:
    from yaml import YAMLError

__all__ = ["BOUNDED", "UNFORESEEN", "check_yaml", "load_yaml", "register_bounded_files"]

MOST_BYTES = 10**6  # of a file; the largest of ours has 2,000
MOST_VALUES = 10_000  # with all aliases written out
DEEPEST = 50  # levels
LONGEST = 4_000  # characters of a value; Python refuses numbers of more than 4,300 digits
# What Hydra, OmegaConf and YAML raise besides their own errors: `trainer=null`, `!!int ""`, a name that is too long.
UNFORESEEN = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, TypeError, ValueError)
OPEN_END = "found unexpected end of stream"
IN_BRACKETS = "expected ',' or"
NO_PAIR = "could not find expected ':'"
AT_THE_BEGINNING = (OPEN_END, IN_BRACKETS, NO_PAIR)  # PyYAML notices at the end of what is not closed
IN_WORDS = {  # what PyYAML finds, by how it begins to say so
    "found character '\\t'": "is indented by a tab; indent by spaces",
    "mapping values are not allowed here": "has a colon where none can stand; put text that has one in quotes",
    "expected <block end>": "is indented otherwise than the lines above; align it with them",
    IN_BRACKETS: "opens a bracket that is not closed, or lacks a comma behind it; add it",
    NO_PAIR: "is no `key: value`; write one",
    "found duplicate key": "has a key twice; leave one of them out",
    "found character": "has text that begins with a sign of YAML; put it in quotes",
    OPEN_END: "has quotes that are not closed; close them",
}
BOUNDED = "bounded"  # the scheme of a folder whose files Hydra reads within these limits


def load_yaml(path: Path) -> Any:
    """The plain content of a YAML file.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or exceeds a limit; names the file.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    text = _read(path)
    check_yaml(text, str(path))
    try:
        return OmegaConf.to_container(OmegaConf.create(text)) if text.strip() else {}
    except YAMLError as error:
        raise ConfigError([f"{path}{yaml_fault(error)}"]) from None
    except (OmegaConfBaseException, *UNFORESEEN) as error:
        raise ConfigError([f"{path}: is not YAML ({' '.join(str(error).split())}); correct it"]) from None


def yaml_fault(error: YAMLError) -> str:
    """Where a file is no YAML, and why, to be put behind its name."""
    what = getattr(error, "problem", None) or str(error)
    in_words = next((words for begin, words in IN_WORDS.items() if what.startswith(begin)), None)
    mark = getattr(error, "context_mark" if what.startswith(AT_THE_BEGINNING) else "problem_mark", None)
    place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{place}: {in_words or f'is not YAML ({what}); correct it'}"


def check_yaml(text: str, where: str) -> None:
    """Raise ConfigError if YAML makes more than users write by hand; `where` names its file in the error.

    Text that is no YAML passes: whoever reads it says what is wrong.
    """
    from yaml import YAMLError

    try:
        fault = _fault(text)
    except (YAMLError, *UNFORESEEN):
        return
    if fault:
        raise ConfigError([f"{where}: {fault}; write it out, or remove it"])


def _fault(text: str) -> str | None:
    """The limit that YAML exceeds; it is read as events, without recursion and without building anything."""
    import yaml

    sizes: dict[str, int] = {}  # of what an anchor names, aliases written out
    within: list[
        tuple[str | None, int]
    ] = []  # anchors of the open collections, and the count at their beginning
    count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((event.anchor, count))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = within.pop()
            if anchor:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                return f"*{event.anchor} stands for something that it is a part of, or for nothing"
            count += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            if event.anchor:
                sizes[event.anchor] = 1
            if len(event.value) > LONGEST:
                return f"a value has more than {LONGEST} characters"
        count += isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent)
        if len(within) > DEEPEST:
            return f"it is nested more than {DEEPEST} levels deep"
        if count > MOST_VALUES:
            return f"it holds more than {MOST_VALUES} values, counting what aliases (*) stand for"
    return None


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError([f"{path}: is larger than {MOST_BYTES} bytes; give a file of settings"])
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror}); correct the path"]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: is not UTF-8; save it as text"]) from None


@cache
def register_bounded_files() -> None:
    """Teach Hydra the scheme `bounded://`: folders like those of `file://`, whose files are checked first."""
    from hydra._internal.core_plugins.file_config_source import FileConfigSource
    from hydra.core.plugins import Plugins
    from hydra.plugins.config_source import ConfigResult
    from yaml import YAMLError

    class BoundedConfigSource(FileConfigSource):  # type: ignore[misc]
        """A folder of the user's own choices."""

        @staticmethod
        def scheme() -> str:
            return BOUNDED

        def load_config(self, config_path: str) -> ConfigResult:
            file = Path(self.path) / self._normalize_file_name(config_path)
            check_yaml(_read(file), str(file))
            try:
                return super().load_config(config_path)
            except YAMLError as error:
                raise ConfigError([f"{file}{yaml_fault(error)}"]) from None

    Plugins.instance().register(BoundedConfigSource)
