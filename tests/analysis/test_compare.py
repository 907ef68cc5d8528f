from pathlib import Path

import pandas as pd
import pytest

from analysis.compare import compare, figure_of, main, to_markdown
from study.cli import run_command


def rows(**dice: tuple[float, ...]) -> pd.DataFrame:
    """One row per subject; `seen` with all they have and without B0, `unseen` with all they have."""
    content = [
        {
            "subject": f"{group[:4]}-{number}",
            "seen": group != "unseen",
            "removed": "B0" if "b0" in group else "",
            "dice": value,
        }
        for group, values in dice.items()
        for number, value in enumerate(values)
    ]
    return pd.DataFrame(content)


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


def test_one_side_is_no_comparison(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run_command(main, [f"a={tmp_path}"])
    assert "two sides are compared" in capsys.readouterr().err
