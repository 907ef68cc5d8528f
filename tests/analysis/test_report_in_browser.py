"""The script of a report's page in a real browser: slices scroll, marks are chosen, tables and figures are saved."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from analysis.estimates import Estimate
from analysis.report.content import Drawing, Section
from analysis.report.page import Chapter, render
from analysis.report.strips import Shown, volumes
from analysis.tables import Column, Table
from study.records.examples import Example, ExampleMask

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
ACTIONS = """<script>
const saved = [], volume = document.querySelector("figure.volume");
HTMLAnchorElement.prototype.click = function () { saved.push(this.download); };
const slider = volume.querySelector("input"), choice = volume.querySelector("select");
const before = slider.value;
slider.value = 4; slider.oninput();
choice.selectedIndex = 1; choice.onchange();
document.querySelectorAll("button").forEach((button) => button.onclick());
document.title = JSON.stringify({
  before, saved, tops: [...volume.querySelectorAll("img")].map((picture) => picture.style.top),
  hidden: [...volume.querySelectorAll(".layer")].map((layer) => layer.hidden),
});
</script></body>"""


def page() -> str:
    from matplotlib.figure import Figure

    reference = np.zeros((6, 10, 10), bool)
    reference[2, 4:6, 4:6] = True
    masks = (ExampleMask("", 0.5, reference), ExampleMask("B0", 0.4, reference))
    shown = Shown(
        Example("A-1", "A", "best", reference, masks), np.ones((6, 10, 10), np.float32), (4.0, 1.0, 1.0)
    )
    table = Table("dice", "Dice", (Column("dice", "Dice", "estimate"),), ((Estimate(0.5, 1),),))
    section = Section(
        "one", "One", tables=(table,), drawings=(Drawing("plot", "A plot", Figure),), volumes=volumes([shown])
    )
    return render("t", [Chapter("s", (section,))])


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
def test_slices_scroll_and_tables_are_saved(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page().replace("</body>", ACTIONS))
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [*command, "--virtual-time-budget=5000", "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    found = json.loads(title[1])
    height = re.search(r'data-height="(\d+)"', page())
    assert height is not None
    assert found["before"] == "2"
    assert found["tops"] == [f"-{4 * int(height[1])}px"] * 3
    assert found["hidden"] == [True, False]
    assert found["saved"] == ["dice.csv", "dice.md", "dice.tex", "plot.svg"]
