"""The fingerprint of the training's images, and what is unlike it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_brains import BRAIN, chosen, draw_brain, exchanged, intensities
from pydantic import ValidationError

from study.imaging.intensities import Intensities
from study.imaging.likeness import IntensityFingerprint, Spread, assess
from study.imaging.suspects import suspicious

NAMES = "DWI+ADC+SWAN+PHASE"


def measured(seed: int, names: str = NAMES) -> Intensities:
    return intensities(chosen(draw_brain(seed), names))


@pytest.fixture(scope="module")
def fingerprint() -> IntensityFingerprint:
    return IntensityFingerprint.of([measured(seed) for seed in range(5)])


def spread(fingerprint: IntensityFingerprint, trait: str, *names: str) -> Spread:
    (found,) = [each for each in fingerprint.spreads if (each.trait, each.modalities) == (trait, names)]
    return found


def test_it_keeps_mean_and_spread_of_logarithms_and_correlations() -> None:
    subjects = [measured(seed) for seed in range(4)]
    found = IntensityFingerprint.of(subjects)
    tails = [math.log(one.images["ADC"].tails) for one in subjects]
    kept = spread(found, "tails", "ADC")
    assert (kept.subjects, kept.mean, kept.std) == (
        4,
        round(np.mean(tails), 4),
        round(np.std(tails, ddof=1), 4),
    )
    pairs = [pair.correlation for one in subjects if (pair := one.pair("ADC", "DWI"))]
    assert spread(found, "correlation", "ADC", "DWI").mean == pytest.approx(np.mean(pairs), abs=1e-4)
    levels = [one.images["DWI"].percentiles[3] / one.images["DWI"].spread for one in subjects]
    assert math.exp(spread(found, "level", "DWI").mean) == pytest.approx(
        np.exp(np.mean(np.log(levels))), rel=1e-3
    )


def test_a_deviation_counts_the_training_s_spread_and_a_tolerance() -> None:
    kept = Spread(trait="correlation", modalities=("A", "B"), subjects=4, mean=0.5, std=0.2)
    # The spread of a new subject, and what another hospital adds.
    assert kept.deviation(0.9) == pytest.approx(0.4 / math.sqrt(0.04 * 1.25 + 0.12**2))


@pytest.mark.parametrize("beyond", [{"mean": 1e9}, {"mean": math.nan}, {"std": -1.0}, {"std": 1e9}])
def test_a_stranger_s_fingerprint_holds_no_number_that_cannot_be_shown(beyond: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Spread(**{"trait": "level", "modalities": ("A",), "subjects": 4, "mean": 0.0, "std": 1.0} | beyond)
    assert Spread(trait="level", modalities=("A",), subjects=4, mean=100.0, std=100.0).shown(300.0)


def test_another_subject_is_alike_in_any_unit_and_gain(fingerprint: IntensityFingerprint) -> None:
    images = chosen(draw_brain(9), NAMES)
    images = {name: image * np.float32(1000 if name == "ADC" else 3.7) for name, image in images.items()}
    assert fingerprint.compare(intensities(images)) == ()


def test_an_exchange_that_physics_cannot_see_is_found(fingerprint: IntensityFingerprint) -> None:
    images = exchanged(chosen(draw_brain(9), NAMES), "SWAN", "PHASE")
    images["SWAN"] = images["SWAN"] + np.float32(900) * BRAIN  # without sign, so that its values are allowed
    (found,) = [each for each in fingerprint.compare(intensities(images)) if each.certain]
    assert set(found.modalities) == {"SWAN", "PHASE"}
    assert "SWAN are exchanged: as given they are" in found.what
    assert "standard deviations from the scans that the network was trained on, exchanged" in found.what


def test_an_image_of_something_else_is_unlike_the_training_s_with_numbers(
    fingerprint: IntensityFingerprint,
) -> None:
    images = chosen(draw_brain(9), "DWI+SWAN")
    images["SWAN"] = draw_brain(9)["B0"]
    found = fingerprint.compare(intensities(images))
    assert ("SWAN",) in [each.modalities for each in found]
    (tails,) = [each.what for each in found if each.modalities == ("SWAN",)]
    assert tails.startswith("SWAN is unlike the scans that the network was trained on: ")
    assert "standard deviations)" in tails
    assert not any(each.certain for each in found)


def test_images_that_too_few_subjects_have_are_not_compared() -> None:
    two = IntensityFingerprint.of([measured(0), measured(1), measured(2, "ADC"), measured(3, "ADC")])
    images = exchanged(chosen(draw_brain(9), NAMES), "DWI", "ADC")
    assert all(each.modalities == ("ADC",) for each in two.compare(intensities(images)))
    assert IntensityFingerprint.of([measured(0)]).compare(intensities(images)) == ()


def test_what_a_mistake_explains_is_not_said_twice(fingerprint: IntensityFingerprint) -> None:
    wrong = intensities(exchanged(chosen(draw_brain(9), NAMES), "DWI", "ADC"))
    (found,) = assess(wrong, fingerprint)
    assert found.certain
    assert "fluid should be bright" in found.what  # physics comes first
    alone = intensities({"DWI": draw_brain(9)["ADC"]})
    assert [each.what.split(",")[0] for each in assess(alone, fingerprint)] == ["fluid should be dark in DWI"]
    assert assess(measured(9), None) == ()


def test_it_survives_json_and_can_be_narrowed(fingerprint: IntensityFingerprint) -> None:
    assert IntensityFingerprint.model_validate_json(fingerprint.model_dump_json()) == fingerprint
    narrowed = fingerprint.only(["ADC", "DWI"])
    assert {name for each in narrowed.spreads for name in each.modalities} == {"ADC", "DWI"}
    assert len(narrowed.spreads) == 3 + 3 + 1
    assert narrowed.subjects == 5


def test_one_subject_of_a_cohort_is_unlike_the_others_but_never_certain() -> None:
    images = exchanged(chosen(draw_brain(9), NAMES), "SWAN", "PHASE")
    images["SWAN"] = images["SWAN"] + np.float32(900) * BRAIN
    found = list(suspicious([*(measured(seed) for seed in range(5)), intensities(images)]))
    assert not any(found[:5])
    assert any("from the cohort's other scans" in each.what for each in found[5])
    assert not any(each.certain for each in found[5])


def test_a_mistake_is_certain_in_a_cohort_of_any_size() -> None:
    wrong = intensities(exchanged(chosen(draw_brain(9), NAMES), "DWI", "ADC"))
    for others in (0, 2, 4):
        (*_, found) = suspicious([*(measured(seed) for seed in range(others)), wrong])
        assert [each.certain for each in found] == [True], others
