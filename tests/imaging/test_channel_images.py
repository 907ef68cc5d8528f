"""Computed channels of prepared subjects: when they are given, that nothing leaks, in windows, in the cache."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from study.cohort.records import Cohort, Subject
from study.errors import CacheError, CohortError
from study.imaging.cache import prepare_cohort
from study.imaging.channels.images import ChannelImages
from study.imaging.prepare import prepare_images, prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.stored import open_prepared, write_prepared
from study.workflow.protocol import imaging_protocol

NATIVE_MM = (5.0, 2.0, 2.0)
VALUES = {
    "cohort.modalities": ["DWI", "ADC", "B0"],
    "imaging.channels": ["local_contrast", "exponential_adc"],
    "modality_dropout.droppable": ["B0"],
}


@pytest.fixture
def scan(make_subject: Callable, brain_image: np.ndarray) -> Callable[..., Subject]:
    """A subject whose B0 agrees with DWI and ADC; arrays replace images, None drops one."""

    def make(**arrays: np.ndarray | None) -> Subject:
        dwi = np.where(brain_image > 0, brain_image[::-1] + brain_image, 0) * 100
        b0 = np.where(brain_image > 0, dwi * np.exp(brain_image), 0)
        return make_subject(**{"DWI": dwi, "ADC": brain_image, "B0": b0} | arrays)

    return make


@pytest.fixture
def prepared(make_config: Callable) -> Callable[..., Prepared]:
    def make(subject: Subject, values: dict | None = None) -> Prepared:
        config = make_config(VALUES | (values or {}))
        return prepare_subject(subject, imaging_protocol(config), NATIVE_MM)

    return make


def channels_of(one: Prepared) -> ChannelImages:
    assert one.channels is not None
    return one.channels


def in_brain(image: np.ndarray) -> np.ndarray:
    """A box of a brain [x, y, z] as the prepared grid has it, [D, H, W] in RAS+ orientation."""
    return image[3:11, 3:9, 2:6].transpose(2, 1, 0)


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def test_channels_are_computed_before_modalities_are_normalised_and_then_normalised_themselves(
    scan: Callable, prepared: Callable, brain_image: np.ndarray
) -> None:
    found = prepared(scan())
    dwi = in_brain(brain_image[::-1] + brain_image) * 100
    deviations = [12 / side for side in NATIVE_MM]
    weight, total = (
        ndimage.gaussian_filter(values, deviations, mode="constant", truncate=10)
        for values in (np.ones(dwi.shape), dwi.astype(float))
    )
    windows, flags = found.seen((True, True, True))
    assert flags == (True,) * 5
    assert_array_equal(windows.image[:3], found.image)
    assert_allclose(windows.image[3], standardised(dwi / (total / weight)), atol=2e-2)
    assert_allclose(windows.image[4], standardised(np.exp(-in_brain(brain_image))), atol=1e-3)


def test_with_units_channels_keep_their_values(
    scan: Callable, prepared: Callable, brain_image: np.ndarray
) -> None:
    found = prepared(scan(), {"imaging.normalisation": "units"})
    image = found.seen((True, True, True))[0].image
    assert_allclose(image[4], np.exp(-in_brain(brain_image)), rtol=1e-4)
    assert image[3].mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((True, True, True), (True, True)),
        ((True, False, True), (True, True)),
        ((True, True, False), (True, True)),
        ((True, False, False), (True, False)),
        ((False, True, False), (False, True)),
        ((False, False, True), (False, False)),
        ((False, True, True), (False, True)),
    ],
)
def test_a_channel_is_given_if_its_sources_are(
    scan: Callable, prepared: Callable, given: tuple[bool, ...], expected: tuple[bool, ...]
) -> None:
    windows, flags = prepared(scan()).seen(given)
    assert flags == (*given, *expected)
    assert windows.image.shape[0] == 5


def test_a_subject_has_the_channels_that_its_modalities_suffice_for(
    scan: Callable, prepared: Callable
) -> None:
    without_dwi = prepared(scan(DWI=None))
    assert channels_of(without_dwi).given(without_dwi.present) == (False, True)
    windows, flags = without_dwi.seen(without_dwi.present)
    assert flags == (False, True, True, False, True)
    assert not windows.image[3].any()
    only_b0 = prepared(scan(DWI=None, ADC=None))
    assert channels_of(only_b0).image.shape[0] == 0
    assert only_b0.seen(only_b0.present)[1] == (False, False, True, False, False)
    assert not only_b0.seen(only_b0.present)[0].image[3:].any()


def test_the_other_way_is_taken_where_the_preferred_one_lacks_a_source(
    scan: Callable, prepared: Callable, brain_image: np.ndarray
) -> None:
    adc = brain_image * np.where(brain_image > 1, 1.5, 1)  # does not agree with DWI and B0
    whole = prepared(scan(ADC=adc))
    without_b0 = prepared(scan(ADC=adc, B0=None))
    by_signals, by_adc = (whole.seen((True, flag, not flag))[0].image[4] for flag in (False, True))
    assert_allclose(by_adc, standardised(np.exp(-in_brain(adc))), atol=1e-3)
    assert_allclose(by_signals, standardised(np.exp(-in_brain(brain_image))), atol=1e-3)
    assert_array_equal(whole.seen((True, True, True))[0].image[4], by_signals)
    assert_array_equal(without_b0.seen(without_b0.present)[0].image[4], by_adc)


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_voxels_of_a_modality_that_is_not_given_change_no_channel_that_is(
    scan: Callable, prepared: Callable, removed: int
) -> None:
    name, given = ("DWI", "ADC", "B0")[removed], tuple(place != removed for place in range(3))
    noise = np.zeros((14, 12, 8), np.float32)
    noise[3:11, 3:9, 2:6] = np.random.default_rng(1).uniform(0.5, 2, (8, 6, 4))
    if name != "ADC":
        noise *= 300
    views = [prepared(scan(**arrays)).seen(given) for arrays in ({}, {name: noise})]
    (first, flags), (second, same) = views
    assert flags == same
    assert not np.array_equal(first.image, second.image)
    seen = np.array(flags)
    assert seen[3:].any()
    assert_array_equal(first.image[seen], second.image[seen])


def test_a_window_holds_all_images_of_channels_behind_the_modalities(
    scan: Callable, prepared: Callable
) -> None:
    whole = prepared(scan())
    channels = channels_of(whole)
    assert (channels.channels, channels.sources) == ((0, 1, 1), ((0,), (0, 2), (1,)))
    window = whole.window((0, 1, 1), (4, 4, 4))
    assert window.shape == (6, 4, 4, 4)
    assert_array_equal(window[:3], whole.image[:, 0:4, 1:5, 1:5])
    assert_array_equal(window[3:], channels.image[:, 0:4, 1:5, 1:5])


def test_a_reduced_subject_keeps_the_channels_that_its_modalities_suffice_for(
    scan: Callable, prepared: Callable
) -> None:
    whole = prepared(scan())
    both = channels_of(whole.select((2, 0)))
    assert (both.names, both.channels) == (("local_contrast", "exponential_adc"), (0, 1))
    assert both.sources == ((1,), (1, 0))
    assert_array_equal(both.image, channels_of(whole).image[:2])
    alone = channels_of(whole.select((1,)))
    assert (alone.names, alone.channels, alone.sources) == (("exponential_adc",), (0,), ((0,),))
    assert whole.select((2,)).channels is None


def test_the_cache_keeps_channels_under_an_address_of_their_own(
    scan: Callable, prepared: Callable, make_config: Callable, tmp_path: Path
) -> None:
    subject = scan()
    cohort = Cohort((subject,))
    folders = {}
    for name, values in {
        "both": {},
        "one": {"imaging.channels": ["local_contrast"]},
        "other b": {"imputation.b_value_s_mm2": 800.0},
        "none": {"imaging.channels": []},
        "none, other b": {"imaging.channels": [], "imputation.b_value_s_mm2": 800.0},
    }.items():
        protocol = imaging_protocol(make_config(VALUES | values))
        filled = prepare_cohort(cohort, [subject.key], protocol, tmp_path / "cache", NATIVE_MM)
        folders[name] = filled.entries[subject.key]
    assert folders["none"] == folders["none, other b"]
    assert len(set(folders.values())) == 4
    direct, opened = (
        channels_of(prepared(subject)),
        channels_of(open_prepared(folders["both"], subject.facts)),
    )
    assert (opened.names, opened.channels, opened.sources) == (direct.names, direct.channels, direct.sources)
    assert_array_equal(opened.image, direct.image)
    assert open_prepared(folders["none"], subject.facts).channels is None
    assert "channels" not in json.loads((folders["none"] / "grid.json").read_text())


def test_a_subject_without_any_channel_is_stored_and_opened(
    scan: Callable, prepared: Callable, tmp_path: Path
) -> None:
    subject = scan(DWI=None, ADC=None)
    write_prepared(prepared(subject), tmp_path / "entry")
    opened = channels_of(open_prepared(tmp_path / "entry", subject.facts))
    assert opened.given((False, False, True)) == (False, False)


@pytest.mark.parametrize(
    "damage", [{"channels": [0, 1, 2]}, {"sources": [[0], [0, 3], [1]]}, {"channels": [0]}]
)
def test_a_damaged_entry_is_told(scan: Callable, prepared: Callable, tmp_path: Path, damage: dict) -> None:
    subject = scan()
    write_prepared(prepared(subject), tmp_path / "entry")
    grid = tmp_path / "entry" / "grid.json"
    content = json.loads(grid.read_text())
    content["channels"] |= damage
    grid.write_text(json.dumps(content))
    with pytest.raises(CacheError, match="damaged"):
        open_prepared(tmp_path / "entry", subject.facts)


def test_a_channel_that_says_nothing_is_told_with_its_sources(scan: Callable, prepared: Callable) -> None:
    one = scan()
    images = dict(one.images) | {"B0": one.images["DWI"]}  # the same file twice
    subject = Subject("two", "two", "CENTER", "CENTER-two", images, one.masks)
    with pytest.raises(
        CohortError, match=r"exponential_adc, computed from DWI and B0: it is constant"
    ) as caught:
        prepared(subject)
    assert "leave exponential_adc out of imaging.channels" in str(caught.value)


def test_channels_need_a_b_value(scan: Callable, make_config: Callable) -> None:
    settings = make_config(VALUES).imaging
    with pytest.raises(ValueError, match="b-value"):
        prepare_images(scan().images, ("DWI", "ADC", "B0"), settings, NATIVE_MM)
