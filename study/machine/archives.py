"""Zip files that may come from a stranger: what is declared is checked, and what is read is bounded."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from study.machine.untrusted import UnreadableError

MOST_MEMBERS = 1000
MOST_AT_ONCE = 1024**2  # bytes of a single read
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,  # encrypted, or packed in a way that this Python does not know
    ValueError,
    OverflowError,
)


class Archive:
    """An open zip file; see `open_archive`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        members = archive.infolist()
        self._members = {member.filename: member for member in members}
        if len(members) > MOST_MEMBERS:
            raise UnreadableError(f"it holds {len(members):,} files, more than {MOST_MEMBERS:,}")
        if len(self._members) < len(members):
            raise UnreadableError("two of its files have the same name")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(self._members)

    def size(self, name: str) -> int:
        """The declared size of a file, in bytes."""
        return self._member(name).file_size

    def packed(self, name: str) -> int:
        """The packed size of a file, in bytes."""
        return self._member(name).compress_size

    @contextmanager
    def opened(self, name: str, most: int) -> Iterator[BinaryIO]:
        """Open a file of the archive, which gives at most as many bytes as it declares.

        Raises:
            UnreadableError: it declares more than `most` bytes, is damaged, encrypted, or packed in an unusual way.
        """
        member = self._member(name)
        if member.file_size > most:
            raise UnreadableError(f"{name} is larger than {most:,} bytes")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UnreadableError(f"{name} is packed in an unusual way")
        with _damage(), self._archive.open(member) as file:
            yield cast(BinaryIO, _Bounded(cast(BinaryIO, file), member.file_size))

    def read(self, name: str, most: int) -> bytes:
        """The content of a file; raises UnreadableError as `opened` does."""
        with self.opened(name, most) as file:
            content = file.read()
        if len(content) < self.size(name):
            raise UnreadableError(f"{name} is cut off")
        return content

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise UnreadableError(f"there is no {name} in it")
        return self._members[name]


@contextmanager
def open_archive(file: BinaryIO) -> Iterator[Archive]:
    """Open a zip file.

    Raises:
        UnreadableError: it is no zip file, damaged, or its table of contents is unusually large or ambiguous.
    """
    with _damage(), zipfile.ZipFile(_Careful(file)) as archive:
        yield Archive(archive)


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except UnreadableError:
        raise
    except DAMAGE:
        raise UnreadableError("not a zip file, or damaged") from None


class _Careful(io.RawIOBase):
    """A file that refuses to read much at once, as `zipfile` reads a whole table of contents before it can be asked."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < 0:
            raise zipfile.BadZipFile("it points in front of itself")
        return self._file.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        rest = max(0, self._size - self._file.tell())
        wanted = rest if size < 0 else min(size, rest)
        if wanted > MOST_AT_ONCE:
            raise zipfile.BadZipFile("its table of contents is too large")
        return self._file.read(wanted)


class _Bounded(io.RawIOBase):
    """The content of a member, read in pieces and never beyond its declared size."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        pieces = []
        while wanted > 0:
            piece = self._file.read(min(wanted, MOST_AT_ONCE))
            if not piece:
                break
            pieces.append(piece)
            wanted -= len(piece)
            self._left -= len(piece)
        return b"".join(pieces)
