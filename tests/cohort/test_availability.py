from __future__ import annotations

import pytest
from builders import availability

from study.cohort.availability import subsets_of

MODALITIES = ("DWI", "ADC", "B0")


def test_each_droppable_modality_is_removed_in_turn():
    assert subsets_of((True, True, True), MODALITIES, ("B0", "ADC"), "droppable") == [
        availability("DWI+ADC+B0"),
        availability("DWI+ADC+B0", "DWI+B0", removed="ADC"),
        availability("DWI+ADC+B0", "DWI+ADC", removed="B0"),
    ]


def test_what_a_subject_lacks_is_not_removed():
    assert subsets_of((True, True, False), MODALITIES, ("B0",), "droppable") == [
        availability("DWI+ADC+B0", "DWI+ADC")
    ]


def test_the_last_modality_stays():
    assert subsets_of((False, False, True), MODALITIES, ("B0",), "droppable") == [
        availability("DWI+ADC+B0", "B0")
    ]


def test_all_gives_every_non_empty_subset_once_largest_first():
    subsets = subsets_of((True, True, True), MODALITIES, (), "all")
    assert [(subset.given_text, subset.removed_text) for subset in subsets] == [
        ("DWI+ADC+B0", ""),
        ("ADC+B0", "DWI"),
        ("DWI+B0", "ADC"),
        ("DWI+ADC", "B0"),
        ("B0", "DWI+ADC"),
        ("ADC", "DWI+B0"),
        ("DWI", "ADC+B0"),
    ]


def test_all_of_a_subject_that_lacks_one():
    subsets = subsets_of((True, False, True), MODALITIES, ("B0",), "all")
    assert [subset.given_text for subset in subsets] == ["DWI+B0", "B0", "DWI"]
    assert subsets[1].flags == (False, False, True)


@pytest.mark.parametrize("kind", ["droppable", "all"])
def test_a_subject_without_modality_is_refused(kind):
    with pytest.raises(ValueError, match="at least one of DWI, ADC, B0"):
        subsets_of((False, False, False), MODALITIES, (), kind)


@pytest.mark.parametrize(
    ("given", "absent"),
    [("DWI+ADC+B0", ()), ("DWI+ADC", ("B0",)), ("ADC", ("DWI", "B0")), ("B0", ("DWI", "ADC"))],
)
def test_what_is_not_given_is_absent_whether_removed_or_never_there(given, absent):
    assert availability("DWI+ADC+B0", given).absent == absent
    assert availability("DWI+ADC+B0", given, removed="DWI").absent == absent
