"""Studies that are only looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from studies import complete, prepared_study, write_study, write_trial

from study.commandline.composition import compose
from study.errors import StudyError
from study.machine.mirror import local_root, mirrored
from study.records import StudyFolder
from study.records.following import StatusReader

ADDRESS = "memory://bucket/studies"


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[MemoryFileSystem]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield fsspec.filesystem("memory")
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


def study(root: Path) -> StudyFolder:
    return write_study(
        compose(["search_space=gradual", "study.name=s", f"study.root={root}"]), prepared_study()
    )


def test_a_study_in_an_object_store_is_brought_here_and_nothing_is_sent(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = local_root(ADDRESS)
    with mirrored(root, "s"):
        write_trial(study(root), complete(0))
    shutil.rmtree(root)  # as on another machine
    monkeypatch.setattr(MemoryFileSystem, "put_file", None)
    assert StatusReader(StudyFolder.looked_at(local_root(ADDRESS), "s")).read().trials.complete == 1


def test_a_study_in_an_object_store_that_runs_here_is_not_overwritten(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study(local_root(ADDRESS))
    monkeypatch.setattr(MemoryFileSystem, "find", None)
    with folder.driven():
        assert StudyFolder.looked_at(local_root(ADDRESS), "s").path == folder.path


def test_a_study_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    study(tmp_path)
    with pytest.raises(StudyError, match=r"no study 't'.*there: s;"):
        StudyFolder.looked_at(tmp_path, "t")


def test_links_among_the_files_of_a_running_search_are_no_matter(tmp_path: Path) -> None:
    folder = study(tmp_path)
    folder.scratch.mkdir()
    (folder.scratch / "latest").symlink_to("session")
    assert StudyFolder.looked_at(tmp_path, "s").path == folder.path
    with pytest.raises(StudyError, match="is a link"):
        StudyFolder.find(tmp_path, "s")
