"""Networks of installed packages, found by their entry points. Needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points

from models.spec import ModelSpec

__all__ = ["GROUP", "load_plugin", "plugin_names", "plugin_package"]

GROUP = "fadeout.models"


def plugin_names() -> frozenset[str]:
    """The names of all networks that installed packages add; none of them is imported."""
    return frozenset(point.name for point in _installed(tuple(sys.path)))


def load_plugin(name: str, ours: Collection[str]) -> ModelSpec | None:
    """The spec of the network that an installed package adds under this name; None where none does.

    Args:
        name: of the network.
        ours: names of our own networks, which cannot be replaced.

    Raises:
        ValueError: two packages claim the name, or the entry point does not give a `ModelSpec`; names the packages.
    """
    found = list(_installed(tuple(sys.path)).select(name=name))
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
    found = list(_installed(tuple(sys.path)).select(name=name))
    if not found or found[0].dist is None:
        return None
    return found[0].dist.name, found[0].dist.version


@cache
def _installed(path: tuple[str, ...]) -> EntryPoints:
    """Entry points of the packages on `sys.path`, kept: a search takes 10 ms, and every validation asks."""
    return entry_points(group=GROUP)


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
