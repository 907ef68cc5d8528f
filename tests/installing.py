"""A package of a user's, as if it had been installed: a module, and entry points in its metadata."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def installed(
    folder: Path, name: str, source: str, entry_points: Mapping[str, Mapping[str, str]]
) -> Iterator[None]:
    """A package with one module of the same name, for as long as the context lasts.

    Args:
        folder: that the package is put into.
        name: of the package and its module.
        source: of the module.
        entry_points: group to name to attribute of the module.
    """
    site = folder / f"site-{name}"
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text(source)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, points in entry_points.items():
        lines += [f"[{group}]", *(f"{point} = {name}:{attribute}" for point, attribute in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    sys.path.insert(0, str(site))
    try:
        yield
    finally:
        sys.path.remove(str(site))
        sys.modules.pop(name, None)
