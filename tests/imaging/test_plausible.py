"""Images of the wrong modality are found by physics; right ones raise no alarm."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations

import numpy as np
import pytest
from drawn_brains import BRAIN, SHAPE, chosen, draw_brain, exchanged, intensities

from study.imaging.intensities import Intensities
from study.imaging.plausible import Finding, implausible


def certain(images: dict[str, np.ndarray]) -> list[Finding]:
    return [each for each in implausible(intensities(images)) if each.certain]


def only(found: Intensities, names: Collection[str]) -> Intensities:
    """What is measured of some of the images."""
    return Intensities(
        images={name: image for name, image in found.images.items() if name in names},
        pairs=tuple(pair for pair in found.pairs if {pair.first, pair.second} <= set(names)),
        attenuation=found.attenuation if {"ADC", "B0", "DWI"} <= set(names) else {},
    )


@pytest.mark.parametrize("lesion", [0.0, 0.02, 0.1, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_right_images_are_plausible_with_lesions_of_any_size(seed: int, lesion: float) -> None:
    found = intensities(draw_brain(seed, lesion=lesion))
    for size in range(1, len(found.images) + 1):
        for names in combinations(found.images, size):
            assert implausible(only(found, names)) == (), names


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [
        ("DWI+ADC", "DWI", "ADC"),
        ("DWI+ADC+B0+SWAN+PHASE", "DWI", "ADC"),
        ("DWI+B0", "DWI", "B0"),
        ("DWI+ADC+B0", "DWI", "B0"),
        ("DWI+ADC+B0", "ADC", "B0"),
        ("T1+T2", "T1", "T2"),
        ("T1+T2+FLAIR", "T2", "FLAIR"),
        ("T1+T2+FLAIR", "T1", "FLAIR"),
        ("ADC+FLAIR", "ADC", "FLAIR"),
        ("B0+T1", "B0", "T1"),
    ],
)
@pytest.mark.parametrize("unit", [1, 1e-3, 1e3])
def test_exchanged_images_are_certain_and_named(given: str, first: str, second: str, unit: float) -> None:
    images = draw_brain(1)
    images["ADC"] = images["ADC"] * np.float32(unit)
    (found,) = certain(exchanged(chosen(images, given), first, second))
    assert set(found.modalities) == {first, second}
    assert "are exchanged: " in found.what


def test_an_exchange_is_told_with_its_numbers() -> None:
    (found,) = certain(exchanged(chosen(draw_brain(), "DWI+ADC+B0"), "DWI", "B0"))
    assert "DWI is brighter than B0 in 100% of the brain, but diffusion weighting only darkens" in found.what
    assert "their correlation is -1.00" in found.what
    assert found.remedy == "give each modality its own file"


def test_names_of_modalities_are_known_in_any_case_and_with_a_w() -> None:
    images = draw_brain()
    (found,) = certain({"t1w": images["T2"], "T2w": images["T1"]})
    assert set(found.modalities) == {"t1w", "T2w"}


def test_images_of_unknown_contrast_are_not_judged() -> None:
    images = draw_brain()
    assert not implausible(intensities({"CT": images["ADC"], "SWAN": images["B0"], "T1CE": images["DWI"]}))


@pytest.mark.parametrize(
    ("given", "taken", "what"),
    [
        ("DWI", "ADC", "fluid should be dark in DWI"),
        ("FLAIR", "T2", "fluid should be dark in FLAIR"),
        ("T2", "T1", "fluid should be bright in T2"),
        ("ADC", "DWI", "fluid should be bright in ADC"),
        ("PHASE", "SWAN", "PHASE should lie around 0"),
    ],
)
def test_a_single_wrong_image_is_doubted_but_not_certain(given: str, taken: str, what: str) -> None:
    found = implausible(intensities({given: draw_brain()[taken]}))
    assert found
    assert not any(each.certain for each in found)
    assert any(what in each.what for each in found)


@pytest.mark.parametrize(("factor", "doubted"), [(1.0, False), (0.5, True), (1.2, False), (1.8, True)])
def test_an_adc_of_a_wrong_scale_is_doubted_where_no_unit_fits(factor: float, doubted: bool) -> None:
    found = implausible(intensities({"ADC": draw_brain()["ADC"] * np.float32(factor * 1e-3)}))
    assert [each.modalities for each in found] == [("ADC",)] * doubted
    if doubted:
        assert "a quarter of the brain in ADC lies below" in found[0].what


def test_an_adc_without_a_unit_is_still_found_to_be_exchanged() -> None:
    images = chosen(draw_brain(), "DWI+ADC")
    images["DWI"] = images["DWI"] / np.float32(100)  # a median of 5, which no unit of ADC gives
    (found,) = certain(exchanged(images, "DWI", "ADC"))
    assert set(found.modalities) == {"ADC", "DWI"}


def test_a_mask_is_certain_and_a_map_of_labels_doubted() -> None:
    images = chosen(draw_brain(), "DWI+ADC")
    rng = np.random.default_rng(0)
    mask = (rng.random(SHAPE) < 0.2).astype(np.float32)
    labels = np.where(BRAIN, rng.integers(1, 40, SHAPE), 0).astype(np.float32)
    (found,) = implausible(intensities({**images, "B0": mask}))
    assert found.certain
    assert found.what == "B0 has only 2 different values (0 to 1), as a mask has"
    (found,) = implausible(intensities({**images, "B0": labels}))
    assert not found.certain
    assert "only 40 different values" in found.what


def test_an_image_that_is_mostly_or_all_empty_in_the_brain() -> None:
    images = draw_brain()
    order = np.random.default_rng(0).random(SHAPE)
    for share, expected in ((0.5, []), (0.7, [False]), (0.97, [True])):
        swan = np.where(order < share, 0, images["SWAN"]).astype(np.float32)
        found = implausible(intensities({"SWAN": swan}))
        assert [each.certain for each in found] == expected, share


def test_one_image_for_two_modalities_is_certain() -> None:
    images = draw_brain()
    (found,) = certain({"DWI": images["DWI"], "SWAN": images["DWI"].copy()})
    assert found.what == "DWI and SWAN are one and the same image"
    (found,) = certain({"DWI": images["B0"], "ADC": images["B0"]})
    assert "one and the same" in found.what
    assert not certain({"DWI": images["DWI"], "SWAN": images["DWI"] * np.float32(1.1)})


@pytest.mark.parametrize(("offset", "scale"), [(2048.0, 2.0), (np.pi, 0.004)])
def test_phase_without_sign_fills_a_period(offset: float, scale: float) -> None:
    phase = draw_brain()["PHASE"]
    unsigned = np.where(BRAIN, phase * scale + offset, 0)
    unsigned[3, 4, 4:6] = 0, 2 * offset
    assert implausible(intensities({"PHASE": np.clip(unsigned, 0, 2 * offset).astype(np.float32)})) == ()


def test_a_finding_becomes_a_problem_with_its_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    finding = Finding(("ADC", "DWI"), "what", "remedy", certain=True)
    problem = finding.problem("s1", {"DWI": tmp_path / "d", "ADC": tmp_path / "a"}, "override")
    assert str(problem) == f"s1: {tmp_path / 'a'}: what; remedy; override"
