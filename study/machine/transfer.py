"""Files on their way between machines: in parts, checksummed as a whole, and resumed where they stopped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from study.errors import TransferError

PART_BYTES = 16 * 2**20
UNFINISHED = ".part"


@dataclass(frozen=True)
class Part:
    """A piece of a file.

    Attributes:
        name: of the file, relative to its folder, with forward slashes.
        offset: of the first byte.
        content: the bytes.
        digest: SHA-256 of the whole file, in the last part; None in all others.
    """

    name: str
    offset: int
    content: bytes
    digest: str | None


def names(folder: Path, patterns: Sequence[str]) -> list[str]:
    """The files of a folder that match the patterns, in the order of the patterns."""
    return [
        path.relative_to(folder).as_posix()
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    ]


def parts(path: Path, name: str, start: int = 0) -> Iterator[Part]:
    """The parts of a file from an offset; a file that is replaced meanwhile is read to its old end.

    There is at least one part, the last of which carries the digest.
    """
    with path.open("rb") as file:
        digest, size = hashlib.sha256(), os.fstat(file.fileno()).st_size
        offset, start = 0, min(start, size)
        while True:
            content = file.read(PART_BYTES if offset >= start else min(PART_BYTES, start - offset))
            if not content and offset < size:
                raise TransferError(f"{name}: the file became shorter while it was read")
            digest.update(content)
            last = offset + len(content) >= size
            if offset >= start:
                yield Part(name, offset, content, digest.hexdigest() if last else None)
                if last:
                    return
            offset += len(content)


def batches(parts: Iterable[Part], most: int) -> Iterator[tuple[Part, ...]]:
    """The parts in order, in batches of at most so many bytes; a larger part is a batch of its own."""
    batch: list[Part] = []
    for part in parts:
        if batch and sum(len(one.content) for one in batch) + len(part.content) > most:
            yield tuple(batch)
            batch = []
        batch.append(part)
    if batch:
        yield tuple(batch)


class Receiver:
    """Assembles files in a folder; a file appears under its name once it is whole.

    Args:
        folder: where the files go.
        patterns: what is accepted; any other name is refused, so that a sender cannot write elsewhere.
        kept: by name, what the file that was there before is called once a new one has arrived.
    """

    def __init__(
        self, folder: Path, patterns: Sequence[str], kept: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self._folder = folder
        self._patterns = tuple(patterns)
        self._kept = kept

    def received(self, name: str) -> int:
        """How many bytes of an unfinished file are here."""
        unfinished = self._unfinished(name)
        return unfinished.stat().st_size if unfinished.is_file() else 0

    def take(self, part: Part) -> bool:
        """Append a part; True if the file is now whole.

        Raises:
            TransferError: the name is not accepted, parts are missing, or the whole file does not match its digest;
                what was received of it is removed.
            OSError: the file cannot be written.
        """
        unfinished = self._unfinished(part.name)
        if part.offset == 0:
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            unfinished.unlink(missing_ok=True)
        if (there := self.received(part.name)) != part.offset:
            unfinished.unlink(missing_ok=True)
            raise TransferError(
                f"{part.name}: part at {part.offset} after {there} bytes; send the file again"
            )
        with unfinished.open("ab") as file:
            file.write(part.content)
            file.flush()
            if part.digest is not None:
                os.fsync(file.fileno())
        if part.digest is None:
            return False
        self._finish(unfinished, part)
        return True

    def forget_unfinished(self) -> None:
        """Remove what an interrupted sender has left."""
        for left in self._folder.rglob(f".*{UNFINISHED}"):
            left.unlink(missing_ok=True)

    def _finish(self, unfinished: Path, part: Part) -> None:
        with unfinished.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != part.digest:
            unfinished.unlink()
            raise TransferError(f"{part.name}: damaged on its way (SHA-256 {found[:12]}…); send it again")
        target = self._folder / part.name
        if part.name in self._kept and target.exists():
            target.replace(self._folder / self._kept[part.name])
        unfinished.replace(target)

    def _unfinished(self, name: str) -> Path:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not any(_matches(path, p) for p in self._patterns):
            raise TransferError(f"{name!r}: not a file that is expected here")
        return self._folder / path.with_name(f".{path.name}{UNFINISHED}")


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """Whether a relative path matches a pattern of the same depth."""
    wanted = PurePosixPath(pattern).parts
    return len(path.parts) == len(wanted) and all(map(fnmatchcase, path.parts, wanted))
