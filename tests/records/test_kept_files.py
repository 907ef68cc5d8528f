from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import availability
from scipy import ndimage

from study.evaluation.kept import KeptCase, keep
from study.records.kept import KeptFolder


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


@pytest.mark.parametrize("lesion", [None, (0.0, 2.0, 3.25)])
@pytest.mark.parametrize("level", [0.0, 0.6, 1.0], ids=["nothing probable", "everything probable", "certain"])
def test_a_written_case_is_read_as_it_was(tmp_path, level, lesion):
    reference = np.random.default_rng(0).random((3, 5, 7)) < 0.3
    case = replace(case_of(np.full((3, 5, 7), level), reference), lesion=lesion)
    kept = KeptFolder(tmp_path / "probabilities")
    assert kept.read() == []
    assert kept.write(case).name == "CHSF-0003_DWI+ADC.npz"
    (read,) = kept.read()
    assert (read.key, read.center, read.availability) == ("CHSF-0003", "CHSF", case.availability)
    assert read.spacing_mm == (5.0, 2.0, 1.0)
    assert read.voxel_volume_ml == pytest.approx(0.01)
    assert read.lesion == lesion
    assert read.levels.dtype == np.uint16
    np.testing.assert_array_equal(read.reference, reference)
    np.testing.assert_array_equal(read.probability(), case.probability())
    assert read.probability().shape == (3, 5, 7)


def test_a_folder_is_read_by_name_and_holds_no_unfinished_file(tmp_path):
    case, kept = case_of(field(0)), KeptFolder(tmp_path)
    kept.write(case)
    kept.write(replace(case, availability=availability("DWI+ADC+B0", "ADC", removed="DWI+B0")))
    names = [path.name for path in sorted(tmp_path.iterdir())]
    assert names == ["CHSF-0003_ADC.npz", "CHSF-0003_DWI+ADC.npz"]
    first, second = kept.read()
    assert (first.availability.removed, second.availability.removed) == (("DWI", "B0"), ("B0",))
    assert first.reference is second.reference  # of one subject
    kept.write(replace(case_of(field(1), field(1) > 0.5), key="CHSF-0004"))
    np.testing.assert_array_equal(kept.read()[2].reference, field(1) > 0.5)


def test_a_map_with_faint_noise_takes_half_a_byte_a_voxel_of_its_box_at_most(tmp_path):
    rng = np.random.default_rng(0)
    texture = ndimage.gaussian_filter(rng.normal(size=(30, 90, 90)), 1.5)
    away = np.sqrt(sum(np.square(axis) for axis in np.ogrid[-15:15, -45:45, -45:45])) / 10
    logit = np.maximum(-5 + 0.7 * texture / texture.std(), 5 * (1.5 - away))
    case = case_of(np.where(away < 4.35, 1 / (1 + np.exp(-logit)), 0))
    path = KeptFolder(tmp_path).write(case)
    assert case.levels.size > 0.8 * texture.size
    assert path.stat().st_size < 0.5 * case.levels.size
