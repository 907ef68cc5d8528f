"""Where another cohort is prepared: a study's configuration, which may be a stranger's, does not decide it alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.config import Config, validate
from study.workflow import evaluating


def config_with(root: Path, cache: Path | None) -> Config:
    return validate(
        {
            "study": {"name": "s", "root": str(root)},
            "imaging": {"cache": None if cache is None else str(cache)},
        }
    )


def make_cache(folder: Path) -> Path:
    folder.mkdir()
    (folder / "hashes.json").write_text("{}")
    return folder


def place(config: Config) -> tuple[Path, list[str]]:
    said: list[str] = []
    return evaluating._place_to_prepare(config, said.append), said


def test_a_cache_of_this_account_is_used_as_it_is(tmp_path: Path) -> None:
    cache = make_cache(tmp_path / "cache")
    assert place(config_with(tmp_path, cache)) == (cache, [])


def test_a_study_that_names_no_cache_has_one_beside_it(tmp_path: Path) -> None:
    assert place(config_with(tmp_path / "studies", None)) == (tmp_path / "studies" / "cache", [])


def test_a_folder_that_is_no_cache_gets_no_scans(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    for named in (tmp_path / "public", tmp_path / "new"):
        found, [said] = place(config_with(tmp_path / "studies", named))
        assert found == tmp_path / "studies" / "cache"
        assert str(named) in said
        assert "imaging.cache=" in said


def test_a_cache_of_another_account_gets_no_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = make_cache(tmp_path / "cache")
    monkeypatch.setattr(os, "getuid", lambda: cache.stat().st_uid + 1)
    found, [said] = place(config_with(tmp_path / "studies", cache))
    assert found == tmp_path / "studies" / "cache"
    assert str(cache) in said
