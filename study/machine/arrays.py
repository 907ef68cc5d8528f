"""NumPy's `.npz` files that may come from a stranger: an array's declared size is checked before it is read."""

from __future__ import annotations

import math
import tokenize
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from study.machine.archives import open_archive
from study.machine.untrusted import UnreadableError

LONGEST_HEADER = 10_000  # characters; NumPy's own limit
DAMAGE = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError, tokenize.TokenError)


class Arrays(Mapping[str, NDArray[Any]]):
    """The arrays of a `.npz` file by name."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._arrays = arrays

    def __getitem__(self, name: str) -> NDArray[Any]:
        """An array; raises UnreadableError if there is none of this name."""
        if name not in self._arrays:
            raise UnreadableError(f"{name} is missing")
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._arrays)

    def __len__(self) -> int:
        """How many arrays there are."""
        return len(self._arrays)


def read_arrays(file: BinaryIO, most: int) -> Arrays:
    """All arrays of a `.npz` file that together have at most `most` bytes; objects are never read.

    Raises:
        UnreadableError: the file is damaged, or larger.
    """
    arrays, left = {}, most
    with open_archive(file) as archive:
        for name in archive.names:
            with archive.opened(name, left) as member:
                array = _read_array(member, name, archive.size(name))
            left -= array.nbytes
            arrays[name.removesuffix(".npy")] = array
    return Arrays(arrays)


def _read_array(member: BinaryIO, name: str, size: int) -> NDArray[Any]:
    try:
        version = np.lib.format.read_magic(member)
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(
            member, max_header_size=LONGEST_HEADER
        )
    except DAMAGE:
        version = None
    if version != (1, 0):  # later versions are for structured types, which no file of ours holds
        raise UnreadableError(f"{name} is not an array of NumPy")
    count = math.prod(shape)
    size_fits = min(shape, default=0) >= 0 and count * dtype.itemsize <= size
    if dtype.hasobject or not size_fits or (dtype.itemsize == 0 and count > 1):
        raise UnreadableError(f"{name} declares more than it holds")
    content = member.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise UnreadableError(f"{name} is cut off")
    try:
        flat = np.frombuffer(content, dtype) if content else np.zeros(count, dtype)
        return flat.reshape(shape, order="F" if fortran_order else "C")
    except DAMAGE:
        raise UnreadableError(f"{name} is not an array of NumPy") from None
