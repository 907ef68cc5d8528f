"""Networks of installed packages, found by their entry points. Needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import TYPE_CHECKING

from models.spec import ModelSpec

if TYPE_CHECKING:
    from importlib.metadata import SelectableGroups  # what Python 3.11 gives; gone from 3.12

__all__ = ["GROUP", "entry_points_of", "load_plugin", "plugin_names", "plugin_package"]

GROUP = "fadeout.models"


def plugin_names() -> frozenset[str]:
    """The names of all networks that installed packages add; none of them is imported."""
    return frozenset(point.name for point in entry_points_of(GROUP))


def load_plugin(name: str, ours: Collection[str]) -> ModelSpec | None:
    """The spec of the network that an installed package adds under this name; None where none does.

    Args:
        name: of the network.
        ours: names of our own networks, which cannot be replaced.

    Raises:
        ValueError: two packages claim the name, or the entry point does not give a `ModelSpec`; names the packages.
    """
    found = list(entry_points_of(GROUP).select(name=name))
    owners = [_package(point) for point in found]
    if found and name in ours:
        owners.insert(0, "fadeout")
    if len(owners) > 1:
        raise ValueError(
            f"model.name: both {' and '.join(owners)} have a network '{name}' (entry points {GROUP}); "
            f"rename one, or uninstall {owners[-1]}"
        )
    return _load(found[0]) if found else None


def plugin_package(name: str) -> tuple[str, str] | None:
    """The installed package that a network comes from, and its version; None for a network of ours."""
    found = list(entry_points_of(GROUP).select(name=name))
    if not found or found[0].dist is None:
        return None
    return found[0].dist.name, found[0].dist.version


def entry_points_of(group: str) -> EntryPoints:
    """The entry points of a group in all packages on `sys.path`."""
    return _of_group(tuple(sys.path), group)


@cache
def _of_group(path: tuple[str, ...], group: str) -> EntryPoints:
    """Kept, as every validation of a configuration asks several times."""
    return _installed(path).select(group=group)


@cache
def _installed(path: tuple[str, ...]) -> EntryPoints | SelectableGroups:
    """Those of all groups, kept: a search takes 15 ms."""
    return entry_points()


def _load(point: EntryPoint) -> ModelSpec:
    place = f"model.name: {point.name} of package {_package(point)} (entry point {point.value})"
    try:
        spec = point.load()
    except Exception as error:  # any line of a stranger's module may fail
        raise ValueError(
            f"{place} cannot be imported: {type(error).__name__}: {error}; mend or reinstall the package"
        ) from error
    if not isinstance(spec, ModelSpec):
        raise ValueError(f"{place} must be a models.ModelSpec, got {type(spec).__name__}; mend the package")
    return spec


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
