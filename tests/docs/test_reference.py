"""The committed reference is what the code says today."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import pytest
from pydantic import Field

from docs.generate import REFERENCE, pages
from docs.settings import settings_page, type_in_words, undescribed
from study.config import Config

PAGES = pages()


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_is_what_is_generated(name: str) -> None:
    assert (REFERENCE / name).read_text(encoding="utf-8") == PAGES[name], "run `make reference`"


def test_no_other_page_lies_beside_the_generated_ones() -> None:
    assert {path.name for path in REFERENCE.iterdir()} == set(PAGES)


def test_every_setting_has_a_row() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", settings_page(), re.MULTILINE)
    assert len(rows) > 100
    assert {"trainer.epochs", "model.recurrent.kind", "cohort.splits.seed", "resume"} <= set(rows)
    assert len(rows) == len(set(rows))


def test_every_section_has_a_heading() -> None:
    headings = re.findall(r"^#+ ([\w.]+)$", settings_page(), re.MULTILINE)
    assert {"study", "trainer", "postprocessing.near_lesion"} <= set(headings)
    assert len(Config.model_fields) > 10


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[float, Field(ge=0, le=1)], "number, 0 to 1"),
        (Annotated[int, Field(ge=1)], "whole number, at least 1"),
        (Annotated[float, Field(gt=0, lt=2)], "number, above 0, below 2"),
        (Annotated[int, Field(ge=1)] | None, "whole number, at least 1 or `null`"),
        (Literal["sgd", "adam"], "one of `sgd`, `adam`"),
        (tuple[float, float, float], "list of 3: number"),
        (tuple[str, ...], "list: text"),
        (bool, "true or false"),
        (dict[str, str], "a mapping"),
    ],
)
def test_a_type_is_told_in_words(kind: object, words: str) -> None:
    assert type_in_words(kind) == words


def test_every_setting_is_described() -> None:
    assert undescribed() == []
