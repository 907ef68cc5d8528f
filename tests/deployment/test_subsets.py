"""Which subsets a bundle knows, what it says of others, and the table in its card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from builders import rows_frame

from analysis.method import Method
from study.config import split_modalities
from study.deployment.subsets import Subset, SubsetResult, all_subsets, known_subsets, untested

MODALITIES = ("DWI", "ADC", "B0")


def known(trained: dict[str, float] | None, *rows: dict[str, Any]) -> tuple[Subset, ...]:
    shares = None if trained is None else {split_modalities(name): share for name, share in trained.items()}
    return known_subsets(MODALITIES, shares, rows_frame(*rows), Method())


def row(subset: str, dice: float, **changes: Any) -> dict[str, Any]:
    return {"subset": subset, "dice": dice, **changes}


def said(given: str, subsets: Sequence[Subset]) -> list[str]:
    return list(untested(split_modalities(given), subsets))


def test_results_are_grouped_by_what_was_given_not_by_what_was_removed() -> None:
    rows = [
        row("DWI+ADC+B0", 0.8),
        row("DWI+ADC", 0.6, removed="B0"),
        row("DWI+ADC", 0.4, subject="ISLES-0001"),
        row("DWI+ADC", 0.2, subject="FOCH-0001", seen=False),
        row("DWI", 0.9, split="validation"),
    ]
    full, reduced = known({"DWI+ADC+B0": 0.7, "DWI+ADC": 0.3}, *rows)
    assert (full.given, full.trained) == (MODALITIES, 0.7)
    assert full.tested == (SubsetResult(seen=True, subjects=1, dice=0.8),)
    assert reduced.tested == (
        SubsetResult(seen=True, subjects=2, dice=0.5),
        SubsetResult(seen=False, subjects=1, dice=0.2),
    )


def test_an_interval_needs_five_subjects() -> None:
    four, five = (
        known({}, *(row("DWI", 0.1 * number, subject=str(number)) for number in range(count)))[0].tested[0]
        for count in (4, 5)
    )
    assert (four.low, four.high) == (None, None)
    assert four.text == "0.15, 4 subjects"
    assert five.low is not None
    assert five.high is not None
    assert 0 <= five.low < 0.2 < five.high <= 0.4
    assert five.text == f"0.20 ({five.low:.2f} to {five.high:.2f}), 5 subjects"


def test_a_subset_whose_dice_is_undefined_was_not_tested() -> None:
    (subset,) = known({"DWI": 1.0}, row("DWI", float("nan")))
    assert subset.tested == ()
    assert "never tested" in said("DWI", [subset])[0]


def test_what_was_trained_and_tested_needs_no_warning() -> None:
    subsets = known({"DWI+ADC+B0": 0.5, "DWI+ADC": 0.5}, row("DWI+ADC+B0", 0.8), row("DWI+ADC", 0.6))
    assert said("DWI+ADC+B0", subsets) == said("DWI+ADC", subsets) == []


def test_a_subset_that_was_neither_trained_nor_tested_is_told_with_those_that_were() -> None:
    subsets = known(
        {"DWI+ADC+B0": 0.5, "DWI+ADC": 0.5}, row("DWI+ADC+B0", 0.8), row("DWI+ADC", 0.6, seen=False)
    )
    assert said("DWI", subsets) == [
        "DWI alone: the network was never trained or tested with it; tested are "
        "DWI+ADC+B0, Dice 0.80, 1 subject of seen centers; DWI+ADC, Dice 0.60, 1 subject of unseen centers"
    ]


def test_trained_but_untested_and_tested_but_untrained_are_told_apart() -> None:
    subsets = known({"DWI+ADC": 0.9, "DWI": 0.1}, row("DWI+ADC", 0.7), row("ADC", 0.3))
    assert said("DWI", subsets)[0].startswith("DWI alone: the network was never tested with it; tested are ")
    assert said("ADC", subsets) == [
        "ADC alone: the network was never trained with it, only tested (Dice 0.30, 1 subject of seen centers)"
    ]


def test_an_unknown_training_is_not_called_untrained() -> None:
    subsets = known(None, row("DWI+ADC", 0.7))
    assert said("DWI+ADC", subsets) == []
    assert "never tested with it" in said("DWI", subsets)[0]
    assert "trained" not in said("DWI", subsets)[0]


def test_a_bundle_that_knows_no_subsets_says_nothing() -> None:
    assert said("DWI", ()) == []


def test_without_any_test_nothing_is_listed_as_tested() -> None:
    subsets = known({"DWI": 1.0})
    assert said("ADC", subsets)[0].endswith("tested are none at all")


def test_at_most_four_tested_subsets_are_named() -> None:
    names = ["DWI+ADC+B0", "DWI+ADC", "DWI+B0", "ADC+B0", "DWI", "ADC"]
    (text,) = said("B0", known({}, *(row(name, 0.5) for name in names)))
    assert text.count("Dice") == 4
    assert text.endswith("; 2 more are in MODEL_CARD.md")


def test_a_table_lists_all_subsets_from_the_largest_unless_there_are_too_many() -> None:
    subsets = known({"DWI+ADC+B0": 1.0}, row("DWI+ADC+B0", 0.5))
    listed = all_subsets(MODALITIES, subsets)
    assert [each.name for each in listed] == [
        "DWI+ADC+B0", "DWI+ADC", "DWI+B0", "ADC+B0", "DWI alone", "ADC alone", "B0 alone",
    ]  # fmt: skip
    assert [each.trained for each in listed] == [1.0] + [0.0] * 6
    six = tuple("ABCDEF")
    assert all_subsets(six, [Subset(given=six, trained=1.0)]) == [Subset(given=six, trained=1.0)]


@pytest.mark.parametrize("dice", [1.0, 0.0])
def test_the_ends_of_the_scale_are_valid_and_have_no_interval(dice: float) -> None:
    (subset,) = known({}, *(row("DWI", dice, subject=str(number)) for number in range(6)))
    assert (subset.tested[0].dice, subset.tested[0].low, subset.tested[0].high) == (dice, None, None)


def test_the_average_is_the_method_s() -> None:
    rows = [row("DWI", 0.2, subject=f"A{number}", center="A") for number in range(3)]
    rows.append(row("DWI", 0.6, subject="B0", center="B"))
    over_subjects, over_centers = (
        known_subsets(("DWI",), None, rows_frame(*rows), Method(average))[0].tested[0].dice
        for average in ("subjects", "centers")
    )
    assert (over_subjects, over_centers) == (pytest.approx(0.3), pytest.approx(0.4))
