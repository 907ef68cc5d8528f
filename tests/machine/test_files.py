from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from study.machine import files
from study.machine.files import (
    atomic,
    atomic_folder,
    is_alive,
    remove_leftovers,
    temporary_path,
    write_json,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {("no", "key"): 1})
    with pytest.raises(FileNotFoundError), atomic(path):
        pass  # nothing was written
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]
    assert '"a": 1' in path.read_text()


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "x") as folder:
        (folder / "missing" / "half").touch()
    assert not list(tmp_path.iterdir())
    with atomic_folder(tmp_path / "x") as folder:
        (folder / "whole").touch()
        assert not (tmp_path / "x").exists()
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["x", "x/whole"]


@pytest.fixture
def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert not is_alive(process.pid)
    return process.pid


def left_by(process: int, path: Path) -> Path:
    return path.with_name(temporary_path(path).name.replace(f"-{os.getpid()}.", f"-{process}."))


def test_what_a_killed_process_was_writing_is_removed_and_nothing_else(tmp_path: Path, ended: int) -> None:
    file, folder = left_by(ended, tmp_path / "x.json"), left_by(ended, tmp_path / "3f" / "3fa9")
    folder.mkdir(parents=True)
    (folder / "image.npy").touch()
    file.touch()
    kept = [temporary_path(tmp_path / "y.json"), tmp_path / ".other.tmp", tmp_path / "x.json"]
    for path in kept:
        path.touch()
    remove_leftovers(tmp_path, ".*.tmp", "*/.*.tmp")
    assert not file.exists()
    assert not folder.exists()
    assert all(path.exists() for path in kept)


def test_what_another_host_writes_is_removed_a_day_after_its_last_change(
    tmp_path: Path, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as there:
        there.setattr(files, "HOST", "0badcafe")
        fresh, old = left_by(ended, tmp_path / "fresh"), left_by(ended, tmp_path / "old")
    for path in (fresh, old):
        path.touch()
    written = fresh.stat().st_mtime
    os.utime(old, (written - 90_000, written - 90_000))
    remove_leftovers(tmp_path, ".*.tmp")
    assert (fresh.exists(), old.exists()) == (True, False)


def test_a_link_is_removed_and_what_it_points_to_is_not(tmp_path: Path, ended: int) -> None:
    (tmp_path / "precious").mkdir()
    link = left_by(ended, tmp_path / "x")
    link.symlink_to(tmp_path / "precious")
    remove_leftovers(tmp_path, ".*.tmp")
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
