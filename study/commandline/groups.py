"""Groups of the configuration, and the choices that each has: files of ours, of the user's, networks of packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import search_spaces
from models import MODELS, model_names

__all__ = ["CONF", "GROUPS", "choices", "register_choices"]

CONF = Path(__file__).parent.parent / "conf"
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


def register_choices() -> None:
    """Make the files of `search_spaces/` and networks of packages known to Hydra, which finds the others itself."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    store = ConfigStore.instance()
    for path in search_spaces.DIRECTORY.glob("*.yaml"):
        store.store(name=path.stem, group="search_space", node=OmegaConf.load(path))
    for name in _networks_of_packages():
        store.store(name=name, group="model", node={"name": name})


def _networks_of_packages() -> list[str]:
    return [name for name in model_names() if name not in MODELS]
