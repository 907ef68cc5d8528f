"""One prepared subject on disk: written whole or not at all, opened memory-mapped.

::

    <address>/  image.npy  own.npy  target.npy  native_target.npy  foreground.npy  grid.json
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import SubjectFacts
from study.errors import CacheError, Problem
from study.imaging.intensities import Intensities
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices
from study.machine.files import atomic_folder, read_json, write_json

ARRAYS = ("image", "target", "foreground", "native_target")
OWN = "own.npy"
PATTERNS = ("*.npy", "grid.json")  # the files of an entry


def open_prepared(folder: Path, facts: SubjectFacts) -> Prepared:
    """A prepared subject from its folder; arrays are memory-mapped and read-only.

    Raises:
        CacheError: the folder does not exist.
    """
    if not (folder / "grid.json").is_file():
        what = f"not in the cache {folder.parent.parent} (imaging.cache)"
        raise CacheError(
            [Problem(facts.key, None, what, "move the cache along, or fill it with resume=true")]
        )
    content = read_json(folder / "grid.json")
    arrays: dict[str, Any] = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r") if (folder / f"{name}.npy").is_file() else None
        for name in ARRAYS
    }
    return Prepared(
        facts=facts,
        present=tuple(content["present"]),
        grid=Grid.from_dict(content["grid"]),
        native=Grid.from_dict(content["native"]),
        own=_open_own(folder, content["own"]) if content["own"] else None,
        outside_ml=content["outside_ml"],
        lesion=tuple(content["lesion"]) if content["lesion"] else None,
        intensities=Intensities.model_validate(content["intensities"]) if content["intensities"] else None,
        **arrays,
    )


def _open_own(folder: Path, content: dict[str, Any]) -> OwnSlices:
    image = np.load(folder / OWN, mmap_mode="r")
    return OwnSlices(image, tuple(content["channels"]), Grid.from_dict(content["grid"]))


def write_prepared(prepared: Prepared, folder: Path) -> None:
    """Write a subject beside its folder and move it there, so that nothing half-written remains.

    Raises:
        OSError: the disk is full or cannot be written to; names the file.
    """
    written = False
    try:
        with atomic_folder(folder) as temporary:
            _write_files(prepared, temporary)
            written = True
    except OSError:
        if not (
            written and folder.is_dir()
        ):  # otherwise another process has moved the same content there first
            raise


def _write_files(prepared: Prepared, folder: Path) -> None:
    for name in ARRAYS:
        array = getattr(prepared, name)
        if array is not None:
            _save(folder / f"{name}.npy", np.ascontiguousarray(array))
    own = prepared.own
    if own is not None:
        _save(folder / OWN, own.image)
    content = {
        "present": prepared.present,
        "grid": prepared.grid.to_dict(),
        "native": prepared.native.to_dict(),
        "own": own and {"channels": own.channels, "grid": own.grid.to_dict()},
        "outside_ml": prepared.outside_ml,
        "lesion": prepared.lesion,
        "intensities": prepared.intensities and prepared.intensities.model_dump(mode="json"),
    }
    write_json(folder / "grid.json", content)


def _save(path: Path, array: NDArray[Any]) -> None:
    """Save as `np.save` does, but name the file and the reason where the disk is full."""
    try:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
            file.write(array.reshape(-1).view(np.uint8).data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
