"""Units of values, and values that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from study.imaging.units import adc_factor, fault, physical, unit_factor

BRAIN = np.concatenate([np.full(900, 0.8), np.full(100, 3.0), np.full(20, -0.1)]).astype(np.float32)


@pytest.mark.parametrize(("scale", "factor"), [(1, 1), (1e-3, 1e3), (1e3, 1e-3)])
def test_three_units_of_adc_are_brought_to_one(scale: float, factor: float) -> None:
    data = (BRAIN * scale).reshape(1, 1, -1).astype(np.float32)
    assert adc_factor(data) == factor
    converted = physical(data, "ADC", unit_factor(data, "ADC"))
    np.testing.assert_allclose(converted.ravel(), np.maximum(BRAIN, 0), rtol=1e-5)


@pytest.mark.parametrize("scale", [0.05, 30, 1e5, 1e-6])
def test_an_adc_in_no_known_unit_is_refused(scale: float) -> None:
    assert adc_factor(BRAIN * scale) is None
    what, remedy = fault(BRAIN * scale, "ADC") or ("", "")
    assert "unit" in what
    assert "10⁻³ mm²/s" in what
    assert remedy


@pytest.mark.parametrize("modality", ["DWI", "ADC", "B0", "FLAIR", "SWAN"])
def test_negative_magnitudes_become_zero(modality: str) -> None:
    data = BRAIN.reshape(1, 1, -1)
    assert physical(data, modality, unit_factor(data, modality)).min() == 0
    assert data.min() < 0  # the input is left alone


def test_phase_keeps_its_sign() -> None:
    data = np.linspace(-3, 3, 50, dtype=np.float32).reshape(1, 5, 10)
    np.testing.assert_array_equal(physical(data, "PHASE", 1.0), data)
    assert fault(data.ravel(), "PHASE") is None


def test_an_image_that_is_mostly_negative_is_refused() -> None:
    what, _ = fault(np.linspace(-1, 1, 100), "DWI") or ("", "")
    assert "50%" in what


def test_a_constant_image_and_one_beside_the_brain_are_refused() -> None:
    assert "constant" in (fault(np.zeros(10), "DWI") or ("",))[0]
    assert "no voxel" in (fault(np.empty(0), "DWI") or ("",))[0]


def test_ordinary_values_are_accepted() -> None:
    assert fault(BRAIN, "ADC") is None
    assert fault(BRAIN * 300, "DWI") is None
