"""NIfTI files in two steps: the header first, then exactly the voxels that it announces.

Scans come from strangers. A file of a few kilobytes may unpack to gigabytes, and a header may announce terabytes;
nothing is unpacked or allocated before the header has been judged.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

MOST_EXTENSION = 2**26  # bytes between header and voxels: 64 MiB, above any extension in use
PADDING = 2**20  # bytes that a file may hold beyond its voxels
AT_ONCE = 2**20  # voxels that are converted at a time
_KINDS = {b"\x5c\x01\0\0": Nifti1Header, b"\0\0\x01\x5c": Nifti1Header,
          b"\x1c\x02\0\0": Nifti2Header, b"\0\0\x02\x1c": Nifti2Header}  # fmt: skip


class OverlongError(ValueError):
    """A file goes on behind the voxels that its header announces."""


@dataclass(frozen=True, eq=False)
class Header:
    """What a file says of itself.

    Attributes:
        shape: columns, rows, slices, and further axes if there are any.
        dtype: of the stored voxels, in the file's byte order.
        offset: bytes before the first voxel.
        slope: and `inter`: from stored to true values; None where none is given.
        inter: see `slope`.
        affine: 4×4; index (column, row, slice) to RAS+ millimetres.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    slope: float | None
    inter: float | None
    affine: NDArray[np.float64]

    @property
    def voxels(self) -> int:
        """Their number, exact however large it is."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def size(self) -> int:
        """Bytes of the uncompressed file."""
        return self.offset + self.voxels * self.dtype.itemsize


def open_nifti(path: Path) -> IO[bytes]:
    """The file's uncompressed content as a stream."""
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def read_header(stream: IO[bytes]) -> Header:
    """Read the header at the beginning of a stream, and no more.

    Raises:
        EOFError, OSError, ValueError, or an error of nibabel: the stream does not begin with a header.
    """
    start = stream.read(4)
    if start not in _KINDS:
        raise ValueError("must begin with the size of a NIfTI header")
    kind = _KINDS[start]
    length = kind.template_dtype.itemsize
    header = kind(start + _exactly(stream, length - len(start)))
    slope, inter = header.get_slope_inter()
    offset = int(header.get_data_offset())
    if not length <= offset <= MOST_EXTENSION:
        raise ValueError(f"voxels must begin at byte {length} to {MOST_EXTENSION}, got {offset}")
    shape = tuple(int(size) for size in header.get_data_shape())
    return Header(shape, header.get_data_dtype(), offset, slope, inter, header.get_best_affine())


def read_voxels(stream: IO[bytes], header: Header) -> NDArray[np.float32]:
    """The true values [slices, rows, columns] from the beginning of a stream; reads to its end.

    Besides the result, only a few megabytes are used. The values are those of nibabel's `get_fdata`.

    Raises:
        EOFError, OSError, zlib.error: the stream is truncated or damaged.
        OverlongError: it holds more than the header announces.
    """
    _exactly(stream, header.offset)
    columns, rows, slices = header.shape[:3]
    data = np.empty(slices * rows * columns, np.float32)
    for first in range(0, data.size, AT_ONCE):
        part = data[first : first + AT_ONCE]
        stored = np.frombuffer(_exactly(stream, part.size * header.dtype.itemsize), header.dtype)
        part[:] = apply_read_scaling(stored, header.slope, header.inter)
    if len(stream.read(PADDING + 1)) > PADDING:
        raise OverlongError
    return data.reshape(slices, rows, columns)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError(f"{count} bytes announced, {len(content)} there")
    return content
