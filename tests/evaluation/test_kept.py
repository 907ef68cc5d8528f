from __future__ import annotations

import numpy as np
import pytest
from builders import availability
from hypothesis import given, settings
from hypothesis import strategies as st

from study.evaluation.kept import KeptCase, keep


def case_of(probability: np.ndarray, reference: np.ndarray | None = None) -> KeptCase:
    return keep(
        probability.astype(np.float32),
        np.zeros(probability.shape, bool) if reference is None else reference,
        key="CHSF-0003",
        center="CHSF",
        availability=availability("DWI+ADC+B0", "DWI+ADC", removed="B0"),
        spacing_mm=(5.0, 2.0, 1.0),
    )


def field(seed: int, shape: tuple[int, int, int] = (5, 8, 9)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    probability = rng.random(shape, dtype=np.float32) * 0.019 * (rng.random(shape) < 0.5)
    probability[1:4, 2:6, 3:8] = rng.random((3, 4, 5), dtype=np.float32)
    probability[1, 2, 3], probability[3, 5, 7] = 0.0, 1.0
    return probability


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_less_than_a_thousandth_is_lost_everywhere(seed):
    probability = field(seed)
    restored = case_of(probability).probability()
    assert restored.dtype == np.float32
    error = probability.astype(float) - restored
    assert error.min() >= 0
    assert error.max() < 1e-3 + 1e-7


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), thousandths=st.integers(1, 999))
def test_a_threshold_in_thousandths_gives_the_mask_of_the_original(seed, thousandths):
    probability = field(seed)
    threshold = np.float32(thousandths / 1000)
    probability[2, 3, 4:6] = threshold
    probability[0, 0, 0] = np.nextafter(threshold, np.float32(0))
    np.testing.assert_array_equal(case_of(probability).probability() >= threshold, probability >= threshold)


def test_only_the_box_of_what_is_not_rounded_to_0_is_kept():
    probability = np.full((4, 6, 6), 0.0009)
    probability[1, 2, 3] = 0.001
    probability[2, 4, 3] = 0.7
    case = case_of(probability)
    assert case.box == (slice(1, 3), slice(2, 5), slice(3, 4))
    np.testing.assert_array_equal(case.levels[:, :, 0], [[1, 0, 0], [0, 0, 700]])


def test_what_is_not_a_number_or_out_of_range_is_kept_as_the_chain_reads_it():
    case = case_of(np.array([[[0.4, np.nan, -1e-3, 1 + 1e-6, 0.4]]]))
    np.testing.assert_array_equal(case.levels, [[[400, 0, 0, 1000, 400]]])


def test_a_reference_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="must be on the reference's grid"):
        case_of(np.zeros((3, 4, 5)), np.zeros((3, 4, 6), bool))
