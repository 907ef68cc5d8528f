"""Which code a machine runs: what must be the same on all machines of a study."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGES = ("study", "models", "search_spaces", "analysis")
LIBRARIES = ("torch", "numpy", "ray", "optuna")  # another version may give other numbers


@cache
def code_version() -> dict[str, str]:
    """Versions by name: of this project's code (a digest of its files), of libraries, and of packages with parts."""
    versions = {"fadeout": _digest()}
    versions |= {name: metadata.version(name) for name in LIBRARIES}
    for group in metadata.entry_points().groups:
        if group.startswith("fadeout."):
            dists = (point.dist for point in metadata.entry_points(group=group))
            versions |= {dist.name: dist.version for dist in dists if dist is not None}
    return versions


def _digest() -> str:
    """A digest of all source files, wherever they are installed."""
    root, content = Path(__file__).parents[2], hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                content.update(f"{path.relative_to(root).as_posix()}\0".encode())
                content.update(path.read_bytes())
    return content.hexdigest()[:12]
