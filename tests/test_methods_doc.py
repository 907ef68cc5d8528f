"""What the documents say of settings is true: every key and every choice in backticks exists, every value is legal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from study.composition import choices
from study.config import Config, legal_keys

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
SECTIONS = tuple(name for name in legal_keys() if legal_keys(name))
SETTING = re.compile(rf"(?<![\w./])((?:{'|'.join(SECTIONS)})(?:\.[a-z]\w*)+)(?:=([^\s'`]+))?")
CHOICE = re.compile(rf"(?<![\w.])({'|'.join(choices())})=(\w+)")


def in_backticks(page: Path) -> Iterator[str]:
    """Inline code and code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def settings_of(page: Path) -> list[tuple[str, str]]:
    """Dotted keys, and their values or ""; what is a module of `study` is no key."""
    found = [pair for code in in_backticks(page) for pair in SETTING.findall(code)]
    return [(key, value) for key, value in found if not is_module(key)]


def is_module(path: str) -> bool:
    file = ROOT.joinpath(*path.split("."))
    return file.is_dir() or file.with_suffix(".py").is_file()


def refuse(key: str, value: str) -> str | None:
    """Why a setting is no setting; None if it is one."""
    *parents, name = key.split(".")
    if name not in legal_keys(".".join(parents)):
        return f"{key}: no such key"
    if value in ("", "…"):
        return None
    section: type[BaseModel] = Config
    for parent in parents:
        annotation = section.model_fields[parent].annotation
        assert isinstance(annotation, type)
        section = annotation
    given = {"name": "any"} if parents == ["study"] else {}
    try:
        section.model_validate({**given, name: yaml.safe_load(value)})
    except ValueError as error:
        return f"{key}={value}: {error}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists_and_takes_the_value(page: Path) -> None:
    assert [problem for key, value in settings_of(page) if (problem := refuse(key, value))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_choice_that_a_page_names_exists(page: Path) -> None:
    known = choices()
    named = {pair for code in in_backticks(page) for pair in CHOICE.findall(code)}
    assert {f"{group}={name}" for group, name in named if name not in known[group]} == set()


def test_the_methods_name_many_settings() -> None:
    keys = {key for key, _ in settings_of(ROOT / "docs" / "methods.md")}
    assert len(keys) > 50
    assert {"model.recurrent.second_pass", "schedule.clock", "head.init", "transfer.source"} <= keys


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedule.curve", ""),
        ("model.recurrent.kind", "gru"),
        ("schedule.steps", "1"),
        ("model.recurrent.k", ""),
    ],
)
def test_what_is_no_setting_is_found(key: str, value: str) -> None:
    assert refuse(key, value) is not None
