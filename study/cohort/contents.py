"""Files with the same content, whatever they are called and whether they are compressed."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_GZIP = b"\x1f\x8b"
_CHUNK = 2**20
_COMPARED = 2**8  # chunks; files that agree so far, and in size and checksum, are equal
_SAMPLE = 2**10  # bytes that are looked at in three places of a file that is not compressed


@dataclass(frozen=True)
class _File:
    """A file; size and checksum are those of the content, without compression.

    A gzip file ends with both (RFC 1952), so that nothing is unpacked to know them.
    """

    path: Path
    size: int  # modulo 2^32
    checksum: int | None  # None where the file is not compressed


def identical(files: Iterable[Path]) -> list[list[Path]]:
    """Groups of files with the same content, each sorted.

    Only those that agree in size, and in checksum or samples, are compared byte by byte. A file that cannot be read is
    in no group.
    """
    looked = [file for path in sorted(set(files)) if (file := _look(path))]
    found = []
    for same_size in _grouped(looked, lambda file: file.size):
        key = _checksum if any(file.checksum is not None for file in same_size) else _samples
        for alike in _grouped(same_size, key):
            found += [[file.path for file in group] for group in _equal(alike)]
    return found


def _look(path: Path) -> _File | None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_GZIP))
            length = file.seek(0, os.SEEK_END)
            if start == _GZIP and length > 18:
                file.seek(-8, os.SEEK_END)
                checksum, size = struct.unpack("<II", file.read(8))
                if size:  # else it is made of several parts and ends with an empty one: compared as it is
                    return _File(path, size, checksum)
            return _File(path, length % 2**32, None)
    except OSError:
        return None  # whoever reads its voxels says why


def _grouped(files: Sequence[_File], key: Callable[[_File], Hashable]) -> list[list[_File]]:
    """Two files or more each."""
    groups: dict[Hashable, list[_File]] = defaultdict(list)
    for file in files:
        try:
            groups[key(file)].append(file)
        except OSError:
            continue  # as above
    return [group for group in groups.values() if len(group) > 1]


def _checksum(file: _File) -> int:
    if file.checksum is not None:
        return file.checksum
    checksum = 0
    with file.path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum


def _samples(file: _File) -> tuple[bytes, ...]:
    samples = []
    with file.path.open("rb") as content:
        for quarter in (1, 2, 3):
            content.seek(file.size * quarter // 4)
            samples.append(content.read(_SAMPLE))
    return tuple(samples)


def _equal(files: Sequence[_File]) -> list[list[_File]]:
    groups: list[list[_File]] = []
    for file in files:
        group = next((group for group in groups if _are_equal(group[0], file)), None)
        if group is None:
            groups.append([file])
        else:
            group.append(file)
    return [group for group in groups if len(group) > 1]


def _are_equal(one: _File, other: _File) -> bool:
    """Whether two files of the same size are equal; neither a giant nor a bomb is read as a whole."""
    chunks = min(one.size // _CHUNK + 1, _COMPARED)
    try:
        with _unpacked(one.path) as first, _unpacked(other.path) as second:
            return all(first.read(_CHUNK) == second.read(_CHUNK) for _ in range(chunks))
    except (OSError, EOFError, zlib.error):
        return False  # damaged: whoever reads its voxels says so


def _unpacked(path: Path) -> gzip.GzipFile | IO[bytes]:
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP)) == _GZIP
    return gzip.open(path) if compressed else path.open("rb")
