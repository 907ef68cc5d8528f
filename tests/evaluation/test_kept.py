from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from study.evaluation.kept import KeptCase, keep, read_all_kept, read_kept, write_kept


def case_of(probability: np.ndarray, reference: np.ndarray | None = None) -> KeptCase:
    return keep(
        probability.astype(np.float32),
        np.zeros(probability.shape, bool) if reference is None else reference,
        key="CHSF-0003",
        center="CHSF",
        subset="DWI+ADC",
        removed="B0",
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


@pytest.mark.parametrize("lesion", [None, (0.0, 2.0, 3.25)])
@pytest.mark.parametrize("level", [0.0, 0.6, 1.0], ids=["nothing probable", "everything probable", "certain"])
def test_a_written_case_is_read_as_it_was(tmp_path, level, lesion):
    reference = np.random.default_rng(0).random((3, 5, 7)) < 0.3
    case = replace(case_of(np.full((3, 5, 7), level), reference), lesion=lesion)
    write_kept(tmp_path / "probabilities" / "CHSF-0003_DWI+ADC.npz", case)
    read = read_kept(tmp_path / "probabilities" / "CHSF-0003_DWI+ADC.npz")
    assert (read.key, read.center, read.subset, read.removed) == ("CHSF-0003", "CHSF", "DWI+ADC", "B0")
    assert read.spacing_mm == (5.0, 2.0, 1.0)
    assert read.voxel_volume_ml == pytest.approx(0.01)
    assert read.lesion == lesion
    assert read.levels.dtype == np.uint16
    np.testing.assert_array_equal(read.reference, reference)
    np.testing.assert_array_equal(read.probability(), case.probability())
    assert read.probability().shape == (3, 5, 7)


def test_a_folder_is_read_by_name_and_holds_no_unfinished_file(tmp_path):
    for name in ("b", "a"):
        write_kept(tmp_path / f"{name}.npz", case_of(field(0)))
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.npz", "b.npz"]
    first, second = read_all_kept(tmp_path)
    assert first.reference is second.reference  # of one subject
    write_kept(tmp_path / "c.npz", replace(case_of(field(1), field(1) > 0.5), key="CHSF-0004"))
    np.testing.assert_array_equal(read_all_kept(tmp_path)[2].reference, field(1) > 0.5)


def test_a_map_with_faint_noise_takes_half_a_byte_a_voxel_of_its_box_at_most(tmp_path):
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=(30, 90, 90)), 1.5)
    away = np.sqrt(sum(np.square(axis) for axis in np.ogrid[-15:15, -45:45, -45:45])) / 10
    logit = np.maximum(-5 + 0.7 * texture / texture.std(), 5 * (1.5 - away))
    case = case_of(np.where(away < 4.35, 1 / (1 + np.exp(-logit)), 0))
    write_kept(tmp_path / "a.npz", case)
    assert case.levels.size > 0.8 * texture.size
    assert (tmp_path / "a.npz").stat().st_size < 0.5 * case.levels.size


def test_what_is_not_a_number_or_out_of_range_is_kept_as_the_chain_reads_it():
    case = case_of(np.array([[[0.4, np.nan, -1e-3, 1 + 1e-6, 0.4]]]))
    np.testing.assert_array_equal(case.levels, [[[400, 0, 0, 1000, 400]]])


def test_a_reference_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="must be on the reference's grid"):
        case_of(np.zeros((3, 4, 5)), np.zeros((3, 4, 6), bool))
