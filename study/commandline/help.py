"""The text of `--help`, from the configuration itself."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from study.commandline.groups import choices
from study.config import Config, legal_keys
from study.config.known import find_known

__all__ = ["help_text", "named_parts"]

OPTIONS = """
  --cfg job          print the resolved configuration and end
  --config-dir DIR   a folder with choices of your own, such as DIR/search_space/mine.yaml
  dry_run=true       print the plan and end
  resume=true        resume an interrupted study
  debug=true         show the traceback of an error"""


def help_text(command: str, purpose: str) -> str:
    """The text of `--help`: groups with their choices, sections with their keys, parts with their names.

    Args:
        command: module of the command.
        purpose: the first lines.
    """
    lines = [purpose, "", f"usage: python -m {command} [group=choice] [key=value] …"]
    lines += ["", "Groups:", *(f"  {group}={'|'.join(names)}" for group, names in choices().items())]
    lines += ["", "Keys:"]
    for section in legal_keys():
        keys = legal_keys(section)
        lines.append(f"  {section}" + (f": {', '.join(keys)}" if keys else ""))
    lines += ["", "Parts, ours and those of installed packages:"]
    lines += [f"  {path}={'|'.join(names) or '(none installed)'}" for path, names in named_parts()]
    return "\n".join([*lines, OPTIONS])


def named_parts() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The path of each setting that names a part, and its legal names."""
    yield from _named_parts(Config, "")


def _named_parts(section: type[BaseModel], parent: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _named_parts(inner, f"{parent}{name}.")
        elif (known := find_known(field)) is not None:
            yield f"{parent}{name}", known.names()
