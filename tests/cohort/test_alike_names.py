"""Names that may mean the same."""

from __future__ import annotations

import pytest

from study.cohort.names import Alike, closest, find_alike, folded


@pytest.mark.parametrize(
    ("names", "difference"),
    [
        (("CHU Bordeaux", "CHU bordeaux"), "only in case"),
        (("CHU  Bordeaux", "CHU Bordeaux"), "only in spaces or punctuation"),
        (("CHU-Bordeaux", "CHU_Bordeaux"), "only in spaces or punctuation"),
        (("Hôpital", "Hopital"), "only in accents"),
        (("Hôpital", "Ho\u0302pital"), "only in how they are encoded"),
        (("chu nîmes", "CHU Nimes"), "only in accents and case"),
        (("P7", "P007"), "only in leading zeros"),
        (("CHU Bordeaux", "CHU Bordaux"), "by one letter"),
        (("CHU Bordeaux", "CHU Bordaeux"), "by one letter"),
        (("CHU Bordeaux", "CHU Bordeauy"), "by one letter"),
        (("Klinikum", "Klinikums"), "by one letter"),
        (("Klinikum 3", "Klinikun 3"), "by one letter"),
    ],
)
def test_names_that_differ_in_little_are_found(names, difference):
    assert find_alike([*names, "Nice"]) == [Alike(tuple(sorted(names)), difference)]


@pytest.mark.parametrize(
    "names",
    [
        ("MATAR", "MATAR2"),
        ("sub-012", "sub-013"),
        ("sub-1", "sub-10"),
        ("Site A", "Site B"),
        ("SiteA", "SiteB"),
        ("Center I", "Center II"),
        ("JHU", "JHH"),
        ("CHU Lyon", "CHU Nice"),
        ("sitea", "siteb", "sitec"),  # numbered by letters
        ("12-3", "1-23"),
        ("K3J5QZ7TXA", "K3J5QZ7TXB"),
        ("3f0a1c9e-77", "3f0a1c9e-78"),
    ],
)
def test_numbers_labels_and_short_words_make_other_names(names):
    assert find_alike(names) == []


def test_names_of_the_simulated_centers_and_of_ten_thousand_subjects_are_not_alike():
    assert find_alike(["CHSF", "MATAR", "MATAR2", "ISLES", "ISLES2022", "JHU", "FOCH"]) == []
    assert find_alike(f"sub-strokecase{number:05d}" for number in range(10_000)) == []


def test_a_name_of_punctuation_alone_or_of_any_length_is_borne():
    assert find_alike(["", "-", "--", "x" * 5000, "x" * 5001]) == []


def test_folding_keeps_numbers_apart():
    assert folded("Ward 1 2") == "ward1 2"
    assert folded(" Ärzte-Haus 007 ") == "arztehaus7"


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("DWI", ["ADC", "DWI_b1000"], "DWI_b1000"),
        ("DWI", ["SWI", "b1000-dwi"], "b1000-dwi"),
        ("DWI", ["SWI", "ADC", "FLAIR"], None),
        ("T1", ["T2w", "T1w"], "T1w"),
        ("B0", ["b0_mean", "B1000"], "b0_mean"),
        ("FLAIR", ["FLIAR"], "FLIAR"),
        ("CHU Bordeaux", ["CHU Lyon", "chu bordeau"], "chu bordeau"),
        ("DWI", [], None),
    ],
)
def test_the_closest_name_has_it_among_its_words_or_is_spelt_like_it(name, candidates, expected):
    assert closest(name, candidates) == expected
