"""What is measured of images, against numbers by hand and against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_brains import BRAIN, GRID, SHAPE, chosen, draw_brain, exchanged, intensities, stacked
from scipy import stats

from study.imaging.intensities import Intensities
from study.imaging.measure import measure
from study.imaging.volume import Volume


def ramp(low: float, high: float) -> np.ndarray:
    image = np.zeros(SHAPE, np.float32)
    image[BRAIN] = np.linspace(low, high, int(BRAIN.sum()))
    return image


def test_percentiles_are_those_of_the_brain_as_stored() -> None:
    found = intensities({"DWI": ramp(100, 200), "ADC": ramp(0, 2000)})
    assert found.images["DWI"].percentiles == pytest.approx((101, 105, 125, 150, 175, 195, 199))
    assert found.images["ADC"].percentiles == pytest.approx((20, 100, 500, 1000, 1500, 1900, 1980), rel=1e-5)
    assert (found.images["ADC"].low, found.images["ADC"].high) == (0, 2000)
    assert found.images["DWI"].spread == pytest.approx(90)
    assert found.images["DWI"].tails == pytest.approx(1)


def test_tails_compare_the_bright_half_with_the_dark_one() -> None:
    half = int(BRAIN.sum()) // 2
    image = np.zeros(SHAPE, np.float32)
    image[BRAIN] = np.concatenate([np.linspace(0, 10, half), np.linspace(10, 40, half)])
    # From 10 to the 95th percentile at 37, and from 10 to the 5th at 1.
    assert intensities({"B0": image}).images["B0"].tails == pytest.approx(3, rel=0.01)


def test_an_image_with_two_values_has_tails_without_an_error() -> None:
    image = ramp(1, 1)
    image[10] = 2
    assert intensities({"B0": image}).images["B0"].tails in (1.0, 1000.0)


def test_distinct_values_are_counted_in_the_whole_file_and_a_plateau_in_the_brain() -> None:
    image = np.zeros(SHAPE, np.float32)
    image[BRAIN] = 1
    image[9, 4:14, 4] = 2
    found = intensities({"B0": image, "DWI": ramp(1, 5)})
    assert found.images["B0"].values == 3
    assert found.images["B0"].plateau == pytest.approx(1 - 10 / BRAIN.sum())
    assert found.images["DWI"].values == 64
    assert found.images["DWI"].plateau < 0.01


def test_a_rare_value_in_a_large_file_is_counted() -> None:
    stored = np.zeros((100, 100, 100), np.float32)
    stored[50, 50, 51] = 1
    image = draw_brain()["B0"]
    found = measure({"B0": Volume(stored, GRID)}, stacked({"B0": image}))
    assert found.images["B0"].values == 2


def test_correlations_are_spearmans_with_ties() -> None:
    images = draw_brain()
    images["SWAN"] = np.round(images["SWAN"] / 100).astype(np.float32)  # many ties
    pair = intensities(chosen(images, "ADC+SWAN")).pair("ADC", "SWAN")
    assert pair is not None
    expected = stats.spearmanr(images["ADC"][BRAIN], images["SWAN"][BRAIN]).statistic
    assert pair.correlation == pytest.approx(expected, abs=1e-6)


def test_the_asymmetry_of_fluid_by_hand() -> None:
    """Of ten voxels in a hundred, fluid, the first image is bright and the second dark; the rest is unrelated."""
    rng = np.random.default_rng(0)
    first, second = np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32)
    voxels = int(BRAIN.sum())
    fluid = np.arange(voxels) < voxels // 10
    first[BRAIN] = np.where(fluid, 100 + rng.random(voxels), rng.random(voxels))
    second[BRAIN] = np.where(fluid, rng.random(voxels), 100 + rng.random(voxels))
    pair = intensities({"one": first, "two": second}).pair("one", "two")
    assert pair is not None
    # Brightest of one: ranks 0.05 in two; brightest of two: 0.45 in one. Darkest of one: 0.55 in two; of two: 0.95.
    assert pair.fluid == pytest.approx((0.05 - 0.45) + (0.55 - 0.95), abs=0.02)
    assert pair.turned.fluid == -pair.fluid


def test_a_pair_is_found_in_either_order_and_turned() -> None:
    found = intensities(chosen(draw_brain(), "DWI+B0"))
    one, other = found.pair("DWI", "B0"), found.pair("B0", "DWI")
    assert one is not None
    assert other is not None
    assert (one.above, other.above) == (0, 1)
    assert one.correlation == other.correlation
    assert found.pair("DWI", "ADC") is None


def test_brightness_is_compared_as_stored_not_in_the_units_of_adc() -> None:
    images = draw_brain()
    images = {"ADC": images["ADC"] * 1000, "DWI": np.where(BRAIN, 400, 0) + ramp(0, 1)}
    pair = intensities(images).pair("ADC", "DWI")
    assert pair is not None
    assert pair.above > 0.99  # 700 and more, over 400


def test_attenuation_is_exact_for_the_right_images_and_for_no_others() -> None:
    images = draw_brain()
    images["DWI"] = (images["B0"] * np.exp(-images["ADC"])).astype(np.float32)
    right = intensities(chosen(images, "ADC+B0+DWI")).attenuation
    assert right["ADC"] == pytest.approx(1, abs=1e-5)
    assert abs(right["B0"]) < 0.98
    assert abs(right["DWI"]) < 0.98
    wrong = intensities(exchanged(chosen(images, "ADC+B0+DWI"), "B0", "DWI")).attenuation
    assert wrong["ADC"] == pytest.approx(-1, abs=1e-5)
    assert not intensities(chosen(images, "ADC+B0")).attenuation


def test_images_that_share_no_voxel_are_not_compared_and_constant_ones_left_out() -> None:
    images = chosen(draw_brain(), "DWI+B0")
    stack = stacked(images)
    left, right = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    left[:10], right[10:] = BRAIN[:10], BRAIN[10:]
    stack.inside.update({"DWI": left, "B0": right})  # type: ignore[attr-defined]
    volumes = {name: Volume(image, GRID) for name, image in images.items()}
    assert measure(volumes, stack).pairs == ()
    assert set(intensities({**images, "SWAN": ramp(3, 3)}).images) == {"DWI", "B0"}


def test_what_is_measured_survives_json() -> None:
    found = intensities(draw_brain())
    assert Intensities.model_validate_json(found.model_dump_json()) == found
