"""Entries of the cache are fetched from another machine, by their addresses, once for all processes of this one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from study.imaging.entries import alone_at, entry_folder
from study.imaging.stored import PATTERNS
from study.machine.transfer import PART_BYTES, Part, Receiver, names


@dataclass(frozen=True)
class StoredEntry:
    """An entry on the machine that has it.

    Attributes:
        address: of the entry.
        digests: SHA-256 of each file, by name.
    """

    address: str
    digests: Mapping[str, str]


GetEntry = Callable[[str], StoredEntry]
GetPart = Callable[[str, str, int], Part]


def missing(cache: Path, addresses: Sequence[str]) -> list[str]:
    """The addresses whose entries this machine lacks."""
    return [address for address in addresses if not entry_folder(cache, address).is_dir()]


def size_of(cache: Path, address: str) -> int:
    """Bytes of an entry."""
    folder = entry_folder(cache, address)
    return sum((folder / name).stat().st_size for name in names(folder, PATTERNS))


def describe(cache: Path, address: str) -> StoredEntry:
    """What another machine must know to fetch an entry."""
    folder = entry_folder(cache, address)
    digests = {}
    for name in names(folder, PATTERNS):
        with (folder / name).open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return StoredEntry(address, digests)


def read_part(cache: Path, entry: StoredEntry, name: str, offset: int) -> Part:
    """One part of a file of an entry."""
    path = entry_folder(cache, entry.address) / name
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read(PART_BYTES)
        last = not file.read(1)
    return Part(name, offset, content, entry.digests[name] if last else None)


def fetch_entry(cache: Path, address: str, get_entry: GetEntry, get_part: GetPart) -> None:
    """Fetch an entry, unless it is here; what an interrupted fetch has received is kept and completed.

    Processes of this machine fetch one at a time; each entry appears whole or not at all.

    Args:
        cache: of this machine.
        address: of the entry.
        get_entry: describes the entry.
        get_part: the part of a file of the entry from an offset.

    Raises:
        TransferError: a file did not arrive whole.
        OSError: it cannot be written.
    """
    folder = entry_folder(cache, address)
    with alone_at(folder):
        if folder.is_dir():
            return
        unfinished = folder.with_name(f".{address}.fetched")
        receiver, entry = Receiver(unfinished, PATTERNS), get_entry(address)
        for name in entry.digests:
            while not (unfinished / name).is_file():
                receiver.take(get_part(address, name, receiver.received(name)))
        unfinished.rename(folder)
