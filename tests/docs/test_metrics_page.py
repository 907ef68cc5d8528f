"""The page of metrics has every column of rows, and formulas that browsers can draw."""

from __future__ import annotations

import re

from docs.formulas import on_page_markdown
from docs.metrics import metrics_page
from study.evaluation.metrics import METRICS, SUMMARIES, SYNTHESES

PAGE = metrics_page()
LINES = [line for line in PAGE.splitlines() if line.startswith("| `")]


def test_every_metric_has_a_line() -> None:
    assert [re.match(r"\| `(\w+)`", line)[1] for line in LINES] == [*METRICS, *SUMMARIES, *SYNTHESES]


def test_lines_have_as_many_cells_as_their_table() -> None:
    counts = {"of masks": 8, "others": 5}
    cells = [line.count("|") for line in LINES]
    assert cells == [counts["of masks"]] * len({**METRICS, **SUMMARIES}) + [counts["others"]] * len(SYNTHESES)


def test_every_formula_is_drawn() -> None:
    drawn = on_page_markdown("\n".join(LINES))
    assert drawn.count("<math") == len(LINES)
    assert "$" not in drawn
    assert "merror" not in drawn
