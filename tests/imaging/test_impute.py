"""DWI, ADC and B0 from each other: by hand, on one grid and in own slices, in the cache, and without leaks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from study.cohort.records import Cohort
from study.errors import CohortError, ConfigError
from study.imaging import impute
from study.imaging.cache import prepare_cohort
from study.imaging.impute import computed_from, sources_of
from study.imaging.prepare import prepare_subject
from study.imaging.prepared import Prepared
from study.imaging.stored import open_prepared
from study.workflow.protocol import imaging_protocol

NATIVE_MM = (5.0, 2.0, 2.0)
VALUES = {
    "cohort.modalities": ["DWI", "ADC", "B0"],
    "imputation.kind": "physics",
    "modality_dropout.droppable": ["B0"],
}


def image(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_each_of_the_three_by_hand() -> None:
    # water-like tissue of ADC 0.7·10⁻³ mm²/s at b = 1000: DWI = B0 exp(-0.7)
    dwi, adc, b0 = image(100 * math.exp(-0.7), 50.0), image(0.7, 0.0), image(100.0, 50.0)
    assert_allclose(impute.b0(dwi, adc, 1000), b0, rtol=1e-5)
    assert_allclose(impute.dwi(adc, b0, 1000), dwi, rtol=1e-5)
    assert_allclose(impute.adc(dwi, b0, 1000), adc, atol=1e-5)
    assert_allclose(impute.b0(dwi, adc, 500), [100 * math.exp(-0.35), 50.0], rtol=1e-5)


def test_voxels_without_signal_and_artefacts_have_bounds() -> None:
    assert_array_equal(impute.adc(image(0.0, 5.0, 0.0), image(5.0, 0.0, 0.0), 1000), [0, 0, 0])
    assert impute.adc(image(2.0), image(1.0), 1000)[0] == 0  # brighter than B0: below 0
    assert impute.adc(image(1e-9), image(1e9), 1000)[0] == 4
    assert_allclose(impute.b0(image(1.0, 1.0), image(50.0, -3.0), 1000), [math.exp(4), 1.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("DWI", "ADC"), ("B0",)),
        (("DWI", "B0", "SWAN"), ("ADC",)),
        (("ADC", "B0"), ("DWI",)),
        (("DWI", "ADC", "B0"), ()),
        (("DWI", "SWAN"), ()),
        ((), ()),
    ],
)
def test_what_is_computed_from_what(given: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert computed_from(given) == expected
    assert sources_of("B0") == ("DWI", "ADC")


@pytest.fixture
def scan(make_subject: Callable, brain_image: np.ndarray) -> Callable:
    """A subject whose B0 agrees with DWI and ADC; arrays replace images, None drops one."""

    def make(**arrays: np.ndarray | None):
        dwi = np.where(brain_image > 0, brain_image[::-1] + brain_image, 0) * 100
        b0 = np.where(brain_image > 0, dwi * np.exp(brain_image), 0)
        return make_subject(**{"DWI": dwi, "ADC": brain_image, "B0": b0} | arrays)

    return make


def prepared(subject, make_config: Callable, values: dict | None = None) -> Prepared:
    return prepare_subject(subject, imaging_protocol(make_config(VALUES | (values or {}))), NATIVE_MM)


def test_what_is_removed_is_computed_and_normalised_as_the_image_itself(
    scan: Callable, make_config: Callable
) -> None:
    whole = prepared(scan(), make_config)
    assert whole.computed is not None
    assert whole.present == (True, True, True)
    for missing in range(3):
        given = [index != missing for index in range(3)]
        windows, flags = whole.seen(given)
        assert flags == (True, True, True)
        assert_allclose(windows.image, whole.image, atol=2e-4)  # the three agree, so it is the image again


def test_a_subject_that_lacks_one_sees_it_computed(scan: Callable, make_config: Callable) -> None:
    whole, lacking = prepared(scan(), make_config), prepared(scan(B0=None), make_config)
    assert lacking.present == (True, True, False)
    assert not lacking.image[2].any()
    windows, flags = lacking.seen(lacking.present)
    assert flags == (True, True, True)
    assert_array_equal(windows.image, whole.seen((True, True, False))[0].image)


def test_with_one_of_the_three_nothing_is_computed(scan: Callable, make_config: Callable) -> None:
    whole = prepared(scan(), make_config)
    windows, flags = whole.seen((True, False, False))
    assert flags == (True, False, False)
    assert windows.image is whole.image
    alone = prepared(scan(B0=None, ADC=None), make_config)
    assert alone.computed is None
    assert alone.seen(alone.present)[1] == (True, False, False)


@pytest.mark.parametrize("seed", [1, 2])
def test_voxels_of_the_removed_image_change_nothing(scan: Callable, make_config: Callable, seed: int) -> None:
    true = prepared(scan(), make_config).seen((True, True, False))[0].image
    noise = np.random.default_rng(seed).uniform(1, 900, (14, 12, 8)).astype(np.float32)
    other = prepared(scan(B0=noise), make_config)
    assert not np.array_equal(other.image[2], true[2])
    assert_array_equal(other.seen((True, True, False))[0].image, true)


def test_the_b_value_counts(scan: Callable, make_config: Callable) -> None:
    one, other = (
        prepared(scan(), make_config, {"imputation.b_value_s_mm2": b}).seen((True, True, False))[0].image
        for b in (1000.0, 1500.0)
    )
    assert not np.allclose(one[2], other[2])


@pytest.mark.parametrize("adc_unit", [1.0, 1e-3, 1e3])
def test_the_unit_of_adc_does_not_matter(
    scan: Callable, make_config: Callable, brain_image: np.ndarray, adc_unit: float
) -> None:
    plain = prepared(scan(B0=None), make_config).seen((True, True, False))[0].image
    other = prepared(scan(B0=None, ADC=brain_image * adc_unit), make_config)
    assert_allclose(other.seen((True, True, False))[0].image, plain, atol=1e-4)


def test_a_b_value_that_gives_no_adc_is_told(
    scan: Callable, make_config: Callable, brain_image: np.ndarray
) -> None:
    dwi = brain_image * 100
    with pytest.raises(CohortError, match=r"ADC, computed from DWI and B0 with b = 1000 s/mm²") as caught:
        prepared(scan(ADC=None, B0=dwi * 1.01, DWI=dwi), make_config)
    assert "imputation.b_value_s_mm2" in str(caught.value)


def test_a_window_holds_the_computed_images_behind_the_others(scan: Callable, make_config: Callable) -> None:
    whole = prepared(scan(B0=None), make_config)
    window = whole.window((0, 1, 1), (4, 4, 4))
    assert window.shape == (4, 4, 4, 4)
    assert whole.computed is not None
    assert_array_equal(window[:3], whole.image[:, 0:4, 1:5, 1:5])
    assert_array_equal(window[3], whole.computed.image[0, 0:4, 1:5, 1:5])


def test_images_in_own_slices_are_computed_there(scan: Callable, make_config: Callable) -> None:
    whole = prepared(scan(), make_config, {"imaging.own_slices": ["B0"], "imaging.reference": "DWI"})
    assert whole.own is not None
    assert whole.computed is not None
    windows, _ = whole.seen((True, True, False))
    assert_allclose(windows.own, whole.own.image, atol=2e-4)
    start, size = (0, 0, 0), (2, 4, 4)
    assert_allclose(
        whole.window(start, size)[3 + whole.computed.channels.index(2)],
        whole.window(start, size)[2],
        atol=2e-4,
    )


def test_the_cache_keeps_what_is_computed_under_an_address_of_its_own(
    scan: Callable, make_config: Callable, tmp_path
) -> None:
    subject = scan()
    cohort = Cohort((subject,))
    folders = {}
    for name, values in {
        "physics": {},
        "other b": {"imputation.b_value_s_mm2": 800.0},
        "none": {"imputation.kind": "none"},
    }.items():
        protocol = imaging_protocol(make_config(VALUES | values))
        folders[name] = prepare_cohort(
            cohort, [subject.key], protocol, tmp_path / "cache", NATIVE_MM
        ).entries[subject.key]
    assert len(set(folders.values())) == 3
    direct, opened = prepared(subject, make_config), open_prepared(folders["physics"], subject.facts)
    assert direct.computed is not None
    assert opened.computed is not None
    assert (opened.computed.channels, opened.computed.sources) == (
        direct.computed.channels,
        direct.computed.sources,
    )
    assert_array_equal(opened.computed.image, direct.computed.image)
    assert open_prepared(folders["none"], subject.facts).computed is None


def test_a_search_over_the_technique_prepares_for_all_its_trials(make_config: Callable) -> None:
    choices = {"imputation": {"kind": {"type": "categorical", "choices": ["none", "physics"]}}}
    config = make_config(VALUES | {"imputation.kind": "none"})
    assert not imaging_protocol(config).imputes
    searched = imaging_protocol(config.model_copy(update={"search_space": choices}))
    assert (searched.imputes, searched.b_s_mm2) == (True, 1000)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"imputation.b_value_s_mm2": 0}, r"imputation\.b_value_s_mm2: "),
        ({"imputation.b_value_s_mm2": 1.0}, r"imputation\.b_value_s_mm2: "),
        ({"cohort.modalities": ["DWI", "B0"]}, r"imputation\.kind: .* ADC is not among cohort\.modalities"),
        ({"model.inputs": "DWI+ADC"}, r"model\.inputs: .* set imputation\.kind=none"),
    ],
)
def test_what_cannot_be_computed_is_refused(make_config: Callable, values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(VALUES | values)


def test_a_subject_reduced_to_some_modalities_has_nothing_computed(
    scan: Callable, make_config: Callable
) -> None:
    assert prepared(scan(), make_config).select((0, 1)).computed is None
    assert replace(prepared(scan(), make_config), own=None).computed is not None
