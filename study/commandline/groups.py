"""Groups of the configuration, and the choices that each has: files of ours, of the user's, networks of packages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import search_spaces
from models import MODELS, model_names
from study.commandline.bounded_yaml import load_yaml

__all__ = ["CONF", "GROUPS", "about_choice", "choices", "register_choices"]

CONF = Path(__file__).parent.parent / "conf"
PACKAGE = "# @package _global_\n"  # Hydra's word for a choice that sets several sections
GROUPS = ("cohort", "model", "trainer", "schedule", "technique", "search_space", "experiment")


def choices(directories: Sequence[Path] = ()) -> dict[str, list[str]]:
    """The choices of each group, sorted.

    Args:
        directories: folders of the user's own choices.
    """
    roots = [CONF, *directories]
    listed = {
        group: {path.stem for root in roots for path in (root / group).glob("*.yaml")} for group in GROUPS
    }
    listed["search_space"] |= {path.stem for path in search_spaces.DIRECTORY.glob("*.yaml")}
    listed["model"] |= set(_networks_of_packages())
    return {group: sorted(names) for group, names in listed.items()}


def about_choice(group: str, name: str) -> tuple[list[str], str]:
    """What the file of a choice of ours says of itself, line by line, and what it sets, as YAML.

    A network of an installed package has no file, and sets its name alone.
    """
    paths = (CONF / group / f"{name}.yaml", search_spaces.DIRECTORY / f"{name}.yaml")
    path = next((path for path in paths if path.is_file()), None)
    text = f"name: {name}\n" if path is None else path.read_text(encoding="utf-8").removeprefix(PACKAGE)
    lines = text.splitlines()
    about = list(takewhile(lambda line: line.startswith("#"), lines))
    return [line.removeprefix("#").strip() for line in about], "\n".join(lines[len(about) :]).strip()


def register_choices() -> None:
    """Make the files of `search_spaces/` and networks of packages known to Hydra, which finds the others itself.

    Raises:
        ConfigError: a file is no YAML.
    """
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for path in search_spaces.DIRECTORY.glob("*.yaml"):
        store.store(name=path.stem, group="search_space", node=_ours(path))
    for name in _networks_of_packages():
        store.store(name=name, group="model", node={"name": name})


@cache
def _ours(path: Path) -> Any:
    return load_yaml(path)


def _networks_of_packages() -> list[str]:
    return [name for name in model_names() if name not in MODELS]
