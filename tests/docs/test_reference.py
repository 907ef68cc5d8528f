"""The committed reference is what the code says today."""

from __future__ import annotations

import re

import pytest

from docs.generate import REFERENCE, pages
from docs.settings import settings_page, undescribed
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


def test_every_setting_is_described() -> None:
    assert undescribed() == []
