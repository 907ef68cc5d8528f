"""What the pages say is true: keys and choices in backticks exist, values are legal, commands compose."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from study.commandline.composition import compose
from study.commandline.groups import choices
from study.commandline.values import read_value
from study.config import Config, legal_keys
from study.config.fields import kind_at
from study.run import COMMAND as RUN

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [  # without the reference, which is written from the code, and the package in test_plug_in.py
    ROOT / "README.md",
    *sorted(
        page for page in DOCS.rglob("*.md") if page.parent.name != "reference" and page.stem != "plug-in"
    ),
]
SECTIONS = tuple(name for name in legal_keys() if legal_keys(name))
SETTING = re.compile(rf"(?<![\w./])((?:{'|'.join(SECTIONS)})(?:\.[a-z]\w*)+)(?:=(\[[^\]]*\]|[^\s'`{{]+))?")
FILE = re.compile(r"\.(?:json|log|nii|gz|safetensors)$")
SOURCE = re.compile(
    r"(?<![\w./])((?:study|models|search_spaces|analysis|tests|docs|benchmarks)/[\w/.]+)(?![\w<*])"
)
CHOICE = re.compile(rf"(?<![\w.])({'|'.join(choices())})=(\w+)")


def in_backticks(page: Path) -> Iterator[str]:
    """Inline code and code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    yield from re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))


def settings_of(page: Path) -> list[tuple[str, str]]:
    """Dotted keys, and their values or ""; modules of `study` and names of files are no keys."""
    found = [pair for code in in_backticks(page) for pair in SETTING.findall(code)]
    return [(key, value) for key, value in found if not is_module(key) and not FILE.search(key)]


def commands_of(page: Path) -> list[list[str]]:
    """The arguments of every study.run, study.train and study.plan in the code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    lines = blocks.replace("\\\n", " ").splitlines()
    matches = [re.search(r"python -m study\.(?:run|train|plan) (.*)", line) for line in lines]
    return [shlex.split(match[1], comments=True) for match in matches if match]


def own_choices(page: Path) -> list[tuple[str, str]]:
    """Path and content of the files that a page tells to make: YAML blocks that begin with the path."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n# (\S+\.yaml)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def is_module(path: str) -> bool:
    file = ROOT.joinpath(*path.split("."))
    return file.is_dir() or file.with_suffix(".py").is_file()


def refuse(key: str, value: str) -> str | None:
    """Why a setting is no setting; None if it is one."""
    *parents, name = key.split(".")
    if name not in legal_keys(".".join(parents)):
        return f"{key}: no such key"
    if value in ("", "…") or (key == "study.name" and value.startswith("[")):  # several: of analysis.report
        return None
    section: type[BaseModel] = Config
    for parent in parents:
        annotation = section.model_fields[parent].annotation
        assert isinstance(annotation, type)
        section = annotation
    given = {"name": "any"} if parents == ["study"] else {}
    try:
        section.model_validate({**given, name: read_value(value, kind_at(section, (name,)))})
    except ValidationError as error:
        alone = [detail for detail in error.errors() if detail["loc"]]  # others need a second setting
        return f"{key}={value}: {error}" if alone else None
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists_and_takes_the_value(page: Path) -> None:
    assert [problem for key, value in settings_of(page) if (problem := refuse(key, value))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_choice_that_a_page_names_exists(page: Path) -> None:
    known = choices()
    known["search_space"] += [Path(path).stem for path, _ in own_choices(page)]
    named = {pair for code in in_backticks(page) for pair in CHOICE.findall(code)}
    assert {f"{group}={name}" for group, name in named if name not in known[group]} == set()


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_every_source_that_a_page_names_exists(page: Path) -> None:
    named = {path for code in in_backticks(page) for path in SOURCE.findall(code)}
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_shows_composes(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_own_choices(page)
    for arguments in commands_of(page):
        if "--help" in arguments:
            RUN.run(arguments, lambda given: pytest.fail("the help is not shown"))
        else:
            compose(arguments)


def write_own_choices(page: Path) -> None:
    for path, content in own_choices(page):
        Path(path).parent.mkdir(parents=True)
        Path(path).write_text(content)


def test_the_pages_show_many_commands() -> None:
    assert sum(len(commands_of(page)) for page in PAGES) > 25


def test_the_methods_name_many_settings() -> None:
    keys = {key for key, _ in settings_of(DOCS / "methods.md")}
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
