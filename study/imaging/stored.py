"""One prepared subject on disk: written whole or not at all, opened memory-mapped.

::

    <address>/  image.npy  own.npy  target.npy  native_target.npy  foreground.npy  grid.json
                computed.npy  computed_own.npy  where images are computed in the place of modalities
                channels.npy  where further inputs are computed
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from study.cohort.records import SubjectFacts
from study.errors import CacheError, Problem
from study.imaging.channels.images import ChannelImages
from study.imaging.computed import Computed
from study.imaging.geometry import Centroid
from study.imaging.intensities import Intensities
from study.imaging.normalise import Scale
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices
from study.machine import arrays
from study.machine.files import atomic_folder, write_json
from study.machine.untrusted import LARGEST_JSON, UnreadableError, open_regular, parse_json, read_limited

ARRAYS = ("image", "target", "foreground", "native_target")
OWN, GRID = "own.npy", "grid.json"
COMPUTED, COMPUTED_OWN = "computed.npy", "computed_own.npy"
CHANNELS = "channels.npy"
PATTERNS = ("*.npy", GRID)  # the files of an entry
DAMAGE = (*arrays.DAMAGE, KeyError)


def open_prepared(folder: Path, facts: SubjectFacts) -> Prepared:
    """A prepared subject from its folder; arrays are memory-mapped and read-only.

    The folder may come from a stranger, since a study's configuration can name any cache: no link is followed, and
    nothing is taken for an array or a grid that is none.

    Raises:
        CacheError: the folder does not exist, or is damaged.
    """
    if not (folder / GRID).is_file():
        what = f"not in the cache {folder.parent.parent} (imaging.cache)"
        raise CacheError(
            [Problem(facts.key, None, what, "move the cache along, or fill it with resume=true")]
        )
    try:
        return _opened(folder, facts)
    except DAMAGE as error:
        reason = f"its entry in the cache is damaged ({error or type(error).__name__})"
        raise CacheError(
            [Problem(facts.key, folder, reason, "remove this folder, and fill the cache with resume=true")]
        ) from None


def _opened(folder: Path, facts: SubjectFacts) -> Prepared:
    with open_regular(folder / GRID) as file:
        content = parse_json(read_limited(file, LARGEST_JSON))
    grid, native = _grid(content["grid"]), _grid(content["native"])
    present = tuple(bool(there) for there in content["present"])
    target = _array(folder / "target.npy", np.uint8, grid.shape)
    native_target = _array(folder / "native_target.npy", np.uint8, native.shape)
    own = _open_own(folder, content["own"]) if content["own"] else None
    made = content.get("computed")
    return Prepared(
        facts=facts,
        present=present,
        grid=grid,
        computed=_open_computed(folder, made, len(present), grid, own) if made else None,
        native=native,
        image=_required(_array(folder / "image.npy", np.float32, (len(present), *grid.shape))),
        target=target,
        foreground=_required(_array(folder / "foreground.npy", np.int16, (None, 3))),
        native_target=native_target,
        own=own,
        outside_ml=float(content["outside_ml"]),
        lesion=_centroid(content["lesion"]) if content["lesion"] else None,
        intensities=_intensities(content["intensities"]) if content["intensities"] else None,
        scales=tuple(map(_scale, content.get("scales", ()))),
        channels=_open_channels(folder, content.get("channels"), len(present), grid),
    )


def _open_own(folder: Path, content: dict[str, Any]) -> OwnSlices:
    grid, channels = _grid(content["grid"]), tuple(int(index) for index in content["channels"])
    image = _array(folder / OWN, np.float32, (len(channels), *grid.shape))
    return OwnSlices(_required(image), channels, grid)


def _open_computed(
    folder: Path, content: dict[str, Any], modalities: int, grid: Grid, own: OwnSlices | None
) -> Computed:
    channels = tuple(int(index) for index in content["channels"])
    sources = tuple((int(one), int(other)) for one, other in content["sources"])
    named = [*channels, *(index for pair in sources for index in pair)]
    if len(sources) != len(channels) or any(not 0 <= index < modalities for index in named):
        raise UnreadableError(f"{GRID} tells of computed images that are none")
    image = _required(_array(folder / COMPUTED, np.float32, (len(channels), *grid.shape)))
    if own is None:
        return Computed(image, channels, sources)
    slices = _required(_array(folder / COMPUTED_OWN, np.float32, (len(channels), *own.grid.shape)))
    return Computed(image, channels, sources, slices)


def _open_channels(folder: Path, content: Any, modalities: int, grid: Grid) -> ChannelImages | None:
    if not content:
        return None
    names = tuple(str(name) for name in content["names"])
    channels = tuple(int(index) for index in content["channels"])
    sources = tuple(tuple(int(index) for index in row) for row in content["sources"])
    fit = all(0 <= channel < len(names) for channel in channels) and len(sources) == len(channels)
    fit = fit and all(channels.count(channel) <= 2 for channel in channels)
    if not fit or not all(0 <= index < modalities for row in sources for index in row):
        raise UnreadableError(f"{GRID} tells of channels that are none")
    image = _required(_array(folder / CHANNELS, np.float32, (len(channels), *grid.shape)))
    return ChannelImages(names, image, channels, sources)


def _grid(content: dict[str, Any]) -> Grid:
    grid = Grid.from_dict(content)
    sizes_fit = all(isinstance(size, int) and size > 0 for size in grid.shape)
    if not sizes_fit or grid.affine.shape != (4, 4) or not np.isfinite(grid.affine).all():
        raise UnreadableError(f"{GRID} holds a grid that is none")
    return grid


def _array(path: Path, kind: type[np.generic], shape: Sequence[int | None]) -> NDArray[Any] | None:
    """The array in a file, memory-mapped; None if there is no file.

    Raises:
        UnreadableError: it is no file, or no array of this kind and shape; None is any length.
    """
    try:
        open_regular(path).close()
    except FileNotFoundError:
        return None
    array = np.lib.format.open_memmap(path, mode="r")  # reads no pickles and no archives
    if array.dtype != kind or array.ndim != len(shape):
        raise UnreadableError(f"{path.name} is not an array of {kind.__name__} with {len(shape)} axes")
    if any(wanted not in (None, size) for wanted, size in zip(shape, array.shape, strict=True)):
        raise UnreadableError(f"{path.name} has the shape {list(array.shape)}, and its grid another")
    return array


def _required(array: NDArray[Any] | None) -> NDArray[Any]:
    if array is None:
        raise UnreadableError("an array is missing")
    return array


def _centroid(content: Any) -> Centroid:
    depth, height, width = map(float, content)
    return depth, height, width


def _scale(content: Any) -> Scale | None:
    if content is None:
        return None
    knots, units = (tuple(map(float, content[name])) for name in ("normalised", "units"))
    if (
        not 2 <= len(knots) == len(units)
        or not np.isfinite([*knots, *units]).all()
        or min(np.diff(knots)) <= 0
    ):
        raise UnreadableError(f"{GRID} holds a scale of intensities that is none")
    return Scale(knots, units)


def _intensities(content: Any) -> Intensities:
    try:
        return Intensities.model_validate(content)
    except ValidationError:
        raise UnreadableError(f"{GRID} holds measurements that are none") from None


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
    made = prepared.computed
    if made is not None:
        _save(folder / COMPUTED, made.image)
        if made.own is not None:
            _save(folder / COMPUTED_OWN, made.own)
    channels = prepared.channels
    if channels is not None:
        _save(folder / CHANNELS, channels.image)
    content = {
        "present": prepared.present,
        "grid": prepared.grid.to_dict(),
        "native": prepared.native.to_dict(),
        "own": own and {"channels": own.channels, "grid": own.grid.to_dict()},
        "outside_ml": prepared.outside_ml,
        "lesion": prepared.lesion,
        "intensities": prepared.intensities and prepared.intensities.model_dump(mode="json"),
        "computed": made and {"channels": made.channels, "sources": made.sources},
        "scales": [scale and asdict(scale) for scale in prepared.scales],
    }
    if channels is not None:
        content["channels"] = {
            "names": channels.names,
            "channels": channels.channels,
            "sources": channels.sources,
        }
    write_json(folder / GRID, content)


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
