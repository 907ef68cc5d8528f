from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from builders import rows_frame
from studies import complete, prepared_study, write_study, write_trial

from analysis.compare import main
from analysis.comparison import compare, comparison_table, figure_of
from analysis.method import Method
from study.commandline import run_command
from study.config import validate
from study.errors import StudyError
from study.evaluation.rows import ResultRow

METHOD = Method(resamples=200)


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
    (only,) = compare({"gradual": gradual, "none": none}, METHOD)
    found = only.difference
    assert only.labels == ("unseen centers", "", "all")
    assert found.runs == (pytest.approx((0.6, 0.8)), pytest.approx((0.5, 0.7)))
    assert (found.first.mean, found.estimate.mean, found.estimate.n) == (
        pytest.approx(0.7),
        pytest.approx(0.1),
        2,
    )
    assert found.seeds
    table = comparison_table([only], ["gradual", "none"], METHOD)
    (line,) = table.frame().to_dict("records")
    assert (line["first_runs"], line["second_runs"]) == ("0.600 0.800", "0.500 0.700")
    assert line["first_sd"] == pytest.approx(0.1414, abs=1e-4)
    assert "include the noise of seeds" in " ".join(table.notes)


def test_two_runs_against_one_do_not_tell_the_noise_of_seeds() -> None:
    sides = {"a": [rows(seen=(0.5, 0.7)), rows(seen=(0.6, 0.7))], "b": [rows(seen=(0.4, 0.6))]}
    table = comparison_table(compare(sides, METHOD), ["a", "b"], METHOD)
    assert "noise of seeds is not known" in " ".join(table.notes)
    (line,) = table.frame().to_dict("records")
    assert line["first_sd"] == pytest.approx(0.05 / 2**0.5)
    assert math.isnan(line["second_sd"])


def test_groups_are_seen_or_not_by_what_was_removed() -> None:
    table = rows(unseen=(0.5,), seen=(0.8,), seen_b0=(0.7,))
    found = compare({"a": [table], "b": [table]}, METHOD)
    assert [one.labels[:2] for one in found] == [
        ("unseen centers", ""),
        ("seen centers", ""),
        ("seen centers", "B0"),
    ]
    shown = comparison_table(found, ["a", "b"], METHOD)
    assert [column.name for column in shown.columns] == [
        "centers", "removed", "n", "first", "second", "difference", "p"
    ]  # fmt: skip
    assert shown.comparisons == 0
    assert "noise of seeds is not known" in " ".join(shown.notes)
    labels = [label.get_text() for label in figure_of(found, ["a", "b"]).axes[0].get_yticklabels()]
    assert labels[2] == "seen centers,\nwithout B0 (n = 1)"


def test_the_figure_has_the_paired_difference_with_its_interval_where_there_is_one() -> None:
    better, worse = (0.6, 0.7, 0.8, 0.9, 0.5), (0.5, 0.6, 0.6, 0.9, 0.3)
    sides = {"a": [rows(unseen=better, seen=(0.5,))], "b": [rows(unseen=worse, seen=(0.2,))]}
    means, differences = figure_of(compare(sides, METHOD), ["a", "b"]).axes
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in differences.lines]
    half = 2.776445 * math.sqrt(0.007 / 5)  # t of 4 degrees; differences 0.1 0.1 0.2 0 0.2, variance 0.007
    assert drawn == [
        (pytest.approx([0.12 - half, 0.12 + half], abs=1e-6), [0, 0]),
        (pytest.approx([0.12]), [0]),
        ([0, 0], [0, 1]),
    ]
    assert "a − b" in differences.get_xlabel()
    labels = [label.get_text() for label in means.get_yticklabels()]
    assert labels == [
        "unseen centers,\nwith all they have (n = 5)"
    ]  # a single subject has no interval: table alone


def test_occlusions_are_compared_where_they_are_known() -> None:
    first = pd.concat([rows("distal", seen=(0.3, 0.5)), rows(seen=(0.7,)), rows(unseen=(0.6,))])
    second = pd.concat([rows("distal", seen=(0.2, 0.6)), rows(seen=(0.9,)), rows(unseen=(0.5,))])
    found = compare({"a": [first], "b": [second]}, METHOD)
    assert [one.labels for one in found] == [
        ("unseen centers", "", "all"), ("seen centers", "", "all"), ("seen centers", "", "distal")
    ]  # fmt: skip
    everyone, distal = found[1].difference, found[2].difference
    assert (everyone.estimate.n, everyone.estimate.mean) == (3, pytest.approx((0.1 - 0.1 - 0.2) / 3))
    assert (distal.estimate.n, distal.first.mean) == (2, pytest.approx(0.4))
    assert "occlusion" in comparison_table(found, ["a", "b"], METHOD).frame()


def test_p_is_adjusted_for_all_comparisons_of_the_table() -> None:
    better = (0.6, 0.71, 0.82, 0.93, 0.64, 0.55)
    worse = tuple(value - 0.1 - place / 100 for place, value in enumerate(better))
    sides = {"a": [rows(unseen=better, seen=better)], "b": [rows(unseen=worse, seen=worse)]}
    table = comparison_table(compare(sides, METHOD), ["a", "b"], METHOD)
    assert table.comparisons == 2
    assert table.frame()["p"].tolist() == pytest.approx([2 * 2 / 64] * 2)
    assert "2 comparisons" in table.caption


def test_a_run_with_a_subject_twice_is_refused() -> None:
    twice = pd.concat([rows(seen=(0.8,)), rows(seen=(0.7,))])
    with pytest.raises(ValueError, match="each subject and subset once"):
        compare({"a": [twice], "b": [twice]}, METHOD)


def test_the_command_compares_winners_with_the_average_of_the_first_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, gain in (("gradual", 0.1), ("none", 0.0)):
        config = validate(
            {"study": {"name": name, "root": str(tmp_path)}, "evaluation": {"average": "centers"}}
        )
        folder = write_study(config, prepared_study(), winner=0)
        made = [
            ResultRow(**{key: value for key, value in line.items() if key != "trial"}, trial=0)
            for line in rows(seen=(0.4 + gain, 0.5 + gain)).to_dict("records")
        ]
        write_trial(folder, complete(0, 0.5), rows=made)
    picture = tmp_path / "compared.png"
    main([f"gradual={tmp_path / 'gradual'}", f"none={tmp_path / 'none'}", f"out={picture}"])
    out = capsys.readouterr().out
    assert (
        "**gradual against none, on the same test subjects: Dice, mean over centers; 0 comparisons**" in out
    )
    assert "| seen centers | nothing | 2 | 0.550 (–) | 0.450 (–) | +0.100 (–) | – |" in out
    assert picture.stat().st_size > 1000


def test_groups_without_a_common_subject_are_left_out() -> None:
    found = compare({"a": [rows(unseen=(0.5,), seen=(0.6,))], "b": [rows(unseen=(0.4,))]}, METHOD)
    assert [one.labels for one in found] == [("unseen centers", "", "all")]


def test_studies_of_other_subjects_are_no_comparison() -> None:
    with pytest.raises(StudyError, match="a and b have no test subject in common; compare studies with"):
        compare({"a": [rows(unseen=(0.5,))], "b": [rows("distal", unseen=(0.4,))]}, METHOD)


def test_one_side_is_no_comparison(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        run_command(main, [f"a={tmp_path}"])
    assert "two sides are compared" in capsys.readouterr().err
