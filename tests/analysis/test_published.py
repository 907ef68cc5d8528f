"""A paper's table with our numbers: each cell is the mean over the subjects that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import result_row
from studies import complete, prepared_study, write_study, write_trial

from analysis.estimates import Estimate
from analysis.method import Method
from analysis.published import published_table
from analysis.rendering import to_text
from study.commandline.series import Published
from study.config import validate
from study.evaluation.rows import ResultRow
from study.records import Ranking, StudyFolder

PATH = "modality_dropout.drop_probability"
METHOD = Method("subjects", "one", 100, 0)
TABLE = {
    "source": "Somebody 2025, table 1",
    "by": [PATH],
    "columns": {"CHSF": {"center": "CHSF"}, "ISLES": {"center": "ISLES"}},
    "rows": [
        {"study": "none", "given": "ADC+DWI", "numbers": {"CHSF": 0.7, "ISLES": 0.6}},
        {"study": "gradual", "values": [0.2], "given": "DWI+ADC", "numbers": {"ISLES": 0.65}},
        {"study": "gradual", "values": [0.9], "given": "DWI+ADC", "numbers": {"ISLES": 0.66}},
    ],
}


def rows(dice: float) -> list[ResultRow]:
    """Two subjects at each center, once with all, once without B0, whose Dice is 0.1 lower."""
    found = []
    for center, seen in (("CHSF", True), ("ISLES", False)):
        for nth in (0, 1):
            subject: dict[str, Any] = {"center": center, "seen": seen, "subject": f"{center}-{nth}"}
            found.append(result_row(**subject, subset="DWI+ADC+B0", dice=dice + 0.02 * nth))
            found.append(result_row(**subject, subset="DWI+ADC", removed="B0", dice=dice + 0.02 * nth - 0.1))
    return found


def make(root: Path, name: str, searched: list[dict[str, float]], dice: list[float]) -> Ranking:
    folder: StudyFolder = write_study(
        validate({"study": {"name": name, "root": str(root)}}), prepared_study()
    )
    for number, (values, each) in enumerate(zip(searched, dice, strict=True)):
        write_trial(folder, complete(number, each), rows=rows(each), searched=values)
    return Ranking(folder)


def test_each_cell_is_of_the_trial_and_the_subjects_that_the_paper_names(tmp_path: Path) -> None:
    rankings = {
        "none": make(tmp_path, "none", [{}], [0.5]),
        "gradual": make(tmp_path, "gradual", [{PATH: 0.2}, {PATH: 0.5}], [0.6, 0.8]),
    }
    table = published_table(Published.model_validate(TABLE), rankings, METHOD)
    cells = {(row[0], row[2]): row[3:] for row in table.rows}
    n, ours, theirs = cells["none", "CHSF"]
    assert isinstance(ours, Estimate)
    assert (n, ours.mean, theirs) == (2, pytest.approx(0.41), 0.7)
    n, ours, theirs = cells["gradual, 0.2", "ISLES"]
    assert isinstance(ours, Estimate)
    assert (n, ours.mean, theirs) == (2, pytest.approx(0.51), 0.65)
    assert cells["gradual, 0.2", "CHSF"][2] is None  # the paper has no number there
    assert cells["gradual, 0.9", "ISLES"] == (0, None, 0.66)  # we have no such trial
    said = to_text(table)
    assert (
        "Somebody 2025, table 1: Dice on test subjects; each system by modality_dropout.drop_probability"
        in said
    )
    assert "no target" in said


def test_a_number_of_a_column_that_the_table_lacks_is_refused() -> None:
    wrong = TABLE | {"columns": {"CHSF": {"center": "CHSF"}}}
    with pytest.raises(ValueError, match="numbers of ISLES, which is none of the columns"):
        Published.model_validate(wrong)
