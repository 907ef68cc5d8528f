"""A study's folder in an object store: equal after each push, never ahead of its files, not torn by two machines."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from study.errors import MissingDependencyError, StudyError
from study.machine.mirror import Mirror, address_of, local_root, mirrored

ADDRESS = "memory://bucket/studies/s"


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryFileSystem]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield fsspec.filesystem("memory")
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "here" / "s", ADDRESS)


def other_machine(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "there" / "s", ADDRESS)


def write(mirror: Mirror, name: str, content: str) -> None:
    path = mirror.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(content)
    temporary.replace(path)


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def test_an_address_has_a_fixed_place_on_this_machine(tmp_path: Path) -> None:
    place = local_root("s3://bucket/studies/")
    assert place == tmp_path / "cache" / "fadeout" / "mirrors" / "s3" / "bucket" / "studies"
    assert address_of(place) == "s3://bucket/studies"
    assert address_of(tmp_path) is None
    assert local_root(str(tmp_path)) == tmp_path


def test_another_machine_gets_what_was_pushed_and_only_what_is_new_travels(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(mirror, "config.json", "{}")
    write(mirror, "trials/0000/epochs.jsonl", "1")
    write(mirror, ".tune/private", "stays")
    write(mirror, "tracking.lock", "")
    mirror.push()
    other = other_machine(tmp_path)
    other.pull()
    assert content(other.folder) == {"config.json": "{}", "trials/0000/epochs.jsonl": "1"}

    sent: list[str] = []
    put = MemoryFileSystem.put_file
    monkeypatch.setattr(
        MemoryFileSystem,
        "put_file",
        lambda self, here, there, **more: (sent.append(there), put(self, here, there)),
    )
    write(mirror, "trials/0000/epochs.jsonl", "1\n2")
    mirror.push()
    mirror.push()
    assert sent == [f"{ADDRESS}/trials/0000/epochs.jsonl"]
    other.pull()
    assert content(other.folder)["trials/0000/epochs.jsonl"] == "1\n2"


def test_what_is_removed_here_is_removed_there(mirror: Mirror, tmp_path: Path) -> None:
    write(mirror, "a", "1")
    write(mirror, "b", "1")
    mirror.push()
    other = other_machine(tmp_path)
    other.pull()
    (mirror.folder / "a").unlink()
    mirror.push()
    other.pull()
    assert content(other.folder) == {"b": "1"}


def test_results_and_databases_come_after_what_they_speak_of(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config.json", "prepared.json", "trials/0001/result.json", "trials/0001/rows.parquet"):
        write(mirror, name, "x")
    with closing(sqlite3.connect(mirror.folder / "optuna.db")) as database:
        database.execute("create table trials (number int)")
        database.commit()
    sent: list[str] = []
    put = MemoryFileSystem.put_file

    def record(self: MemoryFileSystem, here: str, there: str, **more: Any) -> None:
        sent.append(there.removeprefix(f"{ADDRESS}/"))
        put(self, here, there)

    monkeypatch.setattr(MemoryFileSystem, "put_file", record)
    mirror.push()
    assert sent == [
        "prepared.json",
        "trials/0001/rows.parquet",
        "config.json",
        "trials/0001/result.json",
        "optuna.db",
    ]


def test_a_database_in_use_arrives_consistent(mirror: Mirror, tmp_path: Path) -> None:
    mirror.folder.mkdir(parents=True)
    with closing(sqlite3.connect(mirror.folder / "optuna.db")) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("create table trials (number int)")
        database.execute("insert into trials values (7)")
        database.commit()
        database.execute("insert into trials values (8)")  # not committed
        mirror.push()
    other = other_machine(tmp_path)
    other.pull()
    with closing(sqlite3.connect(other.folder / "optuna.db")) as arrived:
        assert arrived.execute("select number from trials").fetchall() == [(7,)]


def test_what_changed_here_and_there_is_not_overwritten(mirror: Mirror, tmp_path: Path) -> None:
    write(mirror, "summary.json", "1")
    mirror.push()
    other = other_machine(tmp_path)
    other.pull()
    write(other, "summary.json", "of the other")
    other.push()
    write(mirror, "summary.json", "own")
    with pytest.raises(StudyError, match=r"summary\.json has changed in the store and on this machine"):
        mirror.pull()
    assert content(mirror.folder)["summary.json"] == "own"


def test_a_study_that_fails_is_pushed_all_the_same(tmp_path: Path, store: MemoryFileSystem) -> None:
    root = local_root("memory://bucket/studies")

    def interrupted() -> None:
        with mirrored(root, "s") as mirror:
            assert mirror is not None
            write(mirror, "config.json", "{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store.cat("/bucket/studies/s/config.json") == b"{}"


def test_an_ordinary_folder_is_left_alone(tmp_path: Path) -> None:
    with mirrored(tmp_path, "s") as mirror:
        assert mirror is None


def test_a_store_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match=r"study\.root: nonsense:// needs another package"):
        Mirror(tmp_path, "nonsense://bucket/s").pull()
