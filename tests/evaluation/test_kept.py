from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    assert len(read_all_kept(tmp_path)) == 2


def test_a_reference_on_another_grid_is_refused():
    with pytest.raises(ValueError, match="must be on the reference's grid"):
        case_of(np.zeros((3, 4, 5)), np.zeros((3, 4, 6), bool))
