from pathlib import Path

import pandas as pd
import pytest
from builders import rows_frame

from analysis.compare import compare, figure_of, main, to_markdown
from study.commandline import run_command
from study.errors import StudyError


def rows(occlusion: str = "", **dice: tuple[float, ...]) -> pd.DataFrame:
    """One row per subject; `seen` with all they have and without B0, `unseen` with all they have."""
    lines = [
        {
            "subject": f"{group[:4]}{occlusion}-{number}",
            "seen": group != "unseen",
            "removed": "B0" if "b0" in group else "",
            "occlusion": occlusion,
            "dice": value,
        }
        for group, values in dice.items()
        for number, value in enumerate(values)
    ]
    return rows_frame(*lines)


def test_subjects_are_paired_and_runs_are_averaged_first() -> None:
    gradual = [rows(unseen=(0.5, 0.7)), rows(unseen=(0.7, 0.9))]
    none = [rows(unseen=(0.4, 0.6)), rows(unseen=(0.6, 0.8))]
    (only,) = compare({"gradual": gradual, "none": none})
    assert only.group == "unseen centers, with all they have"
    assert only.runs == {"gradual": pytest.approx((0.6, 0.8)), "none": pytest.approx((0.5, 0.7))}
    assert only.means["gradual"].mean == pytest.approx(0.7)
    # Each subject gains exactly 0.1, so that the interval has no width.
    assert only.difference[:3] == pytest.approx((0.1, 0.1, 0.1))
    assert only.difference.n == 2


def test_groups_are_seen_or_not_by_what_was_removed() -> None:
    table = rows(unseen=(0.5,), seen=(0.8,), seen_b0=(0.7,))
    found = compare({"a": [table], "b": [table]})
    assert [each.group for each in found] == [
        "unseen centers, with all they have",
        "seen centers, with all they have",
        "seen centers, without B0",
    ]
    text = to_markdown(found)
    assert "| seen centers, without B0 | 1 | 0.700 (0.700 to 0.700) |" in text
    assert len(figure_of(found).axes[0].get_yticklabels()) == 3


def test_occlusions_are_compared_where_they_are_known() -> None:
    first = pd.concat([rows("distal", seen=(0.3, 0.5)), rows(seen=(0.7,)), rows(unseen=(0.6,))])
    second = pd.concat([rows("distal", seen=(0.2, 0.6)), rows(seen=(0.9,)), rows(unseen=(0.5,))])
    unseen, seen, distal = compare({"a": [first], "b": [second]})
    assert unseen.group == "unseen centers, with all they have"
    assert (seen.group, seen.difference.n) == ("seen centers, with all they have", 3)
    assert seen.difference.mean == pytest.approx((0.1 - 0.1 - 0.2) / 3)
    assert distal.group == "seen centers, distal occlusions, with all they have"
    assert distal.difference.n == 2
    assert distal.means["a"].mean == pytest.approx(0.4)
    assert distal.runs == {"a": pytest.approx((0.4,)), "b": pytest.approx((0.4,))}
    assert (distal.difference.low, distal.difference.high) == pytest.approx((-0.1, 0.1))


def test_groups_without_a_common_subject_are_left_out() -> None:
    found = compare({"a": [rows(unseen=(0.5,), seen=(0.6,))], "b": [rows(unseen=(0.4,))]})
    assert [each.group for each in found] == ["unseen centers, with all they have"]


def test_studies_of_other_subjects_are_no_comparison() -> None:
    with pytest.raises(StudyError, match="a and b have no test subject in common; compare studies with"):
        compare({"a": [rows(unseen=(0.5,))], "b": [rows("distal", unseen=(0.4,))]})


def test_one_side_is_no_comparison(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run_command(main, [f"a={tmp_path}"])
    assert "two sides are compared" in capsys.readouterr().err
