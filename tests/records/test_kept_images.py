"""Images beside kept probabilities: what is kept of them, and files that were written without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import availability

from study.errors import StudyError
from study.evaluation.combining import averaged_case
from study.evaluation.images import ImageValues
from study.evaluation.kept import KeptCase, keep
from study.imaging.values import NO_VALUE
from study.records.kept import KeptFolder

SHAPE = (4, 7, 7)


def probability(seed: int = 0) -> np.ndarray:
    """A shell around nothing, in a corner; the rest is 0."""
    found = np.zeros(SHAPE, np.float32)
    found[:3, 1:4, 1:4] = np.random.default_rng(seed).uniform(0.2, 0.9, (3, 3, 3))
    found[1, 2, 2] = 0
    return found


def image(seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).integers(-32767, 32768, SHAPE).astype(np.int16)
    values[0, 1, 1] = NO_VALUE
    return values


def kept_case(chance: np.ndarray, *names: str) -> KeptCase:
    return keep(
        chance,
        np.zeros(SHAPE, bool),
        key="CHSF-0003",
        center="CHSF",
        availability=availability("DWI+ADC"),
        spacing_mm=(5.0, 2.0, 1.0),
        images=[ImageValues(name, image(number)) for number, name in enumerate(names)],
    )


def test_values_are_kept_where_a_mask_can_reach_and_come_back_as_they_were(tmp_path: Path) -> None:
    folder = KeptFolder(tmp_path)
    folder.write(kept_case(probability(), "ADC", "DWI"))
    (read,) = folder.read()
    reached = np.zeros(SHAPE, bool)
    reached[:3, 1:4, 1:4] = True  # with the hole, whose probability is 0
    assert [one.modality for one in read.images] == ["ADC", "DWI"]
    for number, one in enumerate(read.full_images()):
        assert one.values.dtype == np.int16
        np.testing.assert_array_equal(one.values, np.where(reached, image(number), NO_VALUE))


def test_an_empty_map_keeps_an_empty_image(tmp_path: Path) -> None:
    folder = KeptFolder(tmp_path)
    folder.write(kept_case(np.zeros(SHAPE, np.float32), "ADC"))
    assert (folder.read()[0].full_images()[0].values == NO_VALUE).all()


def test_a_file_without_images_is_read_as_ever_and_is_no_larger(tmp_path: Path) -> None:
    path = KeptFolder(tmp_path).write(kept_case(probability()))
    with np.load(path) as stored:
        assert not {"images", "values"} & set(stored)
    (read,) = KeptFolder(tmp_path).read()
    assert read.images == ()
    assert read.image("ADC") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"values": np.zeros((1, 2, 3, 3, 2), np.uint8)},
        {"values": np.zeros((1, 2, 3, 3, 3), np.float32)},
        {"images": np.array(["ADC", "DWI"])},
        {"images": np.array([1.0])},
    ],
)
def test_images_that_do_not_fit_are_damage(tmp_path: Path, wrong: dict[str, np.ndarray]) -> None:
    path = KeptFolder(tmp_path).write(kept_case(probability(), "ADC"))
    with np.load(path) as stored:
        content = {**stored, **wrong}
    np.savez_compressed(path, **content)
    with pytest.raises(StudyError, match="its images have another size"):
        KeptFolder(tmp_path).read()


def test_the_mean_of_maps_has_the_values_that_either_has_kept() -> None:
    other = np.zeros(SHAPE, np.float32)
    other[2:4, 5:, 5:] = 0.8
    mean = averaged_case([kept_case(one, "ADC") for one in (probability(), other)], [1, 1])
    reached = other > 0
    reached[:3, 1:4, 1:4] = True
    np.testing.assert_array_equal(mean.full_images()[0].values, np.where(reached, image(0), NO_VALUE))
