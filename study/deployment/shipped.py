"""Bundles that come with the package: `rule`, which finds lesions and has learnt nothing."""

from __future__ import annotations

from pathlib import Path

from study.config.section import SHIPPED_BUNDLES
from study.errors import BundleError

FOLDER = Path(__file__).parent / "bundles"


def located(path: Path) -> Path:
    """The path of a bundle, which for the name of one that comes with the package is its folder.

    Raises:
        BundleError: a file or folder in the working directory has that name, too.
    """
    name = str(path)
    if name not in SHIPPED_BUNDLES:
        return path
    if path.exists():
        raise BundleError(
            f"{name}: the name of the bundle that comes with the package, and also of {path.absolute()}; write the "
            "whole path of yours, or move it"
        )
    return FOLDER / name
