"""Entries of the cache arrive whole on another machine, once, and an interrupted fetch goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import TransferError
from study.imaging import fetching
from study.imaging.entries import entry_folder
from study.imaging.fetching import StoredEntry, describe, fetch_entry, missing, read_part, size_of
from study.machine.transfer import Part

ADDRESS = "3fa9" * 10


class Source:
    """A machine with one entry; counts what is read from it."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self.read: list[tuple[str, int]] = []
        folder = entry_folder(cache, ADDRESS)
        folder.mkdir(parents=True)
        (folder / "image.npy").write_bytes(bytes(range(250)) * 10)
        (folder / "target.npy").write_bytes(b"")
        (folder / "grid.json").write_text("{}")

    def entry(self, address: str) -> StoredEntry:
        return describe(self.cache, address)

    def part(self, address: str, name: str, offset: int) -> Part:
        self.read.append((name, offset))
        return read_part(self.cache, self.entry(address), name, offset)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(fetching, "PART_BYTES", 1000)
    return Source(tmp_path / "source")


def files(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in entry_folder(cache, ADDRESS).iterdir()}


def test_an_entry_arrives_with_all_its_files_and_is_fetched_once(source: Source, tmp_path: Path) -> None:
    here = tmp_path / "here"
    assert missing(here, [ADDRESS]) == [ADDRESS]
    fetch_entry(here, ADDRESS, source.entry, source.part)
    assert files(here) == files(source.cache)
    assert missing(here, [ADDRESS]) == []
    assert size_of(here, ADDRESS) == 2502
    read = len(source.read)
    fetch_entry(here, ADDRESS, source.entry, source.part)
    assert len(source.read) == read


def test_an_interrupted_fetch_reads_only_the_rest(source: Source, tmp_path: Path) -> None:
    here = tmp_path / "here"

    def cut(address: str, name: str, offset: int) -> Part:
        if offset == 2000:
            raise ConnectionError("the link is cut")
        return source.part(address, name, offset)

    with pytest.raises(ConnectionError):
        fetch_entry(here, ADDRESS, source.entry, cut)
    assert missing(here, [ADDRESS]) == [ADDRESS]
    source.read.clear()
    fetch_entry(here, ADDRESS, source.entry, source.part)
    assert [offset for name, offset in source.read if name == "image.npy"] == [2000]
    assert files(here) == files(source.cache)


def test_a_damaged_entry_never_appears(source: Source, tmp_path: Path) -> None:
    def damaged(address: str, name: str, offset: int) -> Part:
        part = source.part(address, name, offset)
        return Part(name, offset, part.content.replace(b"\x07", b"\x08"), part.digest)

    with pytest.raises(TransferError, match=r"image\.npy: damaged on its way"):
        fetch_entry(tmp_path / "here", ADDRESS, source.entry, damaged)
    assert missing(tmp_path / "here", [ADDRESS]) == [ADDRESS]


def test_a_source_cannot_write_beside_the_entry(source: Source, tmp_path: Path) -> None:
    def elsewhere(address: str) -> StoredEntry:
        return StoredEntry(address, {"../../../evil.npy": "0"})

    with pytest.raises(TransferError, match="not a file that is expected here"):
        fetch_entry(tmp_path / "here", ADDRESS, elsewhere, source.part)
