from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from study.imaging import light_augment as module
from study.imaging.light_augment import flip_noise, rotate90
from study.testing.patches import patch_of

Array = NDArray[np.float32]
Target = NDArray[np.uint8]
Augmentation = Callable[..., tuple[Array, Target]]
both = pytest.mark.parametrize("augment", [rotate90, flip_noise])


def numbered(rows: int, columns: int, slices: int = 2) -> tuple[Array, Target]:
    """A modality whose voxels are 1, 2, 3, …, one that is its negative, and their odd voxels as target."""
    one = np.arange(1, slices * rows * columns + 1, dtype=np.float32).reshape(slices, rows, columns)
    return np.stack([one, -one]), (one % 2).astype(np.uint8)


def binomial_error(p: float, draws: int) -> float:
    return float((p * (1 - p) / draws) ** 0.5)


@both
def test_types_and_shapes_stay_and_the_input_is_left_alone(augment: Augmentation) -> None:
    image, target = numbered(4, 4)
    image.setflags(write=False)
    target.setflags(write=False)
    for seed in range(40):
        result, mask = augment(patch_of(image, target), (True, True), np.random.default_rng(seed))
        assert (result.shape, result.dtype) == (image.shape, np.float32)
        assert (mask.shape, mask.dtype) == (target.shape, np.uint8)
        for array in (result, mask):
            assert array.flags.c_contiguous
            assert array.flags.writeable
    assert (image == numbered(4, 4)[0]).all()


@both
def test_absent_modalities_and_voxels_outside_the_brain_stay_exactly_zero(augment: Augmentation) -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(3, 2, 6, 6)).astype(np.float32)
    image[1] = 0
    image[:, :, :, 4:] = 0
    target = np.zeros((2, 6, 6), np.uint8)
    for seed in range(60):
        result, _ = augment(patch_of(image, target), (True, False, True), np.random.default_rng(seed))
        assert not result[1].any()
        assert np.count_nonzero(result[0]) == np.count_nonzero(result[2]) == 2 * 6 * 4


@both
def test_the_generator_decides_everything_and_the_global_one_is_not_touched(augment: Augmentation) -> None:
    image, target = numbered(4, 4)
    np.random.seed(1)  # noqa: NPY002
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = [
        augment(patch_of(image, target), (True, True), np.random.default_rng(seed)) for seed in range(60)
    ]
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    for seed, (result, mask) in enumerate(first):
        again, same = augment(patch_of(image, target), (True, True), np.random.default_rng(seed))
        np.testing.assert_array_equal(result, again)
        np.testing.assert_array_equal(mask, same)
    assert len({result.tobytes() for result, _ in first}) > 1


@both
def test_the_target_follows_the_image(augment: Augmentation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROTATION_P", 1.0)
    monkeypatch.setattr(module, "NOISE_P", 0.0)
    image, target = numbered(4, 4)
    for seed in range(20):
        result, mask = augment(patch_of(image, target), (True, True), np.random.default_rng(seed))
        np.testing.assert_array_equal(mask, result[0] % 2)
        np.testing.assert_array_equal(result[1], -result[0])


def test_a_square_slice_is_turned_by_each_angle_in_a_tenth_of_the_cases_together() -> None:
    image, target = numbered(2, 2, slices=1)
    turned = {
        (1, 2, 3, 4): 0,
        (2, 4, 1, 3): 90,  # rows 1 2 | 3 4 become 2 4 | 1 3: against the clock
        (4, 3, 2, 1): 180,
        (3, 1, 4, 2): 270,
    }
    rng, draws = np.random.default_rng(0), 6000
    counts: Counter[int] = Counter()
    for _ in range(draws):
        result, _ = rotate90(patch_of(image, target), (True, True), rng)
        counts[turned[tuple(int(value) for value in result[0].flat)]] += 1
    assert counts[0] / draws == pytest.approx(0.9, abs=4 * binomial_error(0.1, draws))
    for angle in (90, 180, 270):
        assert counts[angle] / draws == pytest.approx(0.1 / 3, abs=4 * binomial_error(0.1 / 3, draws))


def test_a_slice_that_is_not_square_is_turned_by_180_degrees_only() -> None:
    image, target = numbered(2, 3, slices=1)
    rng, draws = np.random.default_rng(0), 3000
    counts: Counter[tuple[int, ...]] = Counter()
    for _ in range(draws):
        result, _ = rotate90(patch_of(image, target), (True, True), rng)
        counts[tuple(int(value) for value in result[0].flat)] += 1
    assert set(counts) == {(1, 2, 3, 4, 5, 6), (6, 5, 4, 3, 2, 1)}
    assert counts[6, 5, 4, 3, 2, 1] / draws == pytest.approx(0.1, abs=4 * binomial_error(0.1, draws))


def test_slices_keep_their_order_when_they_are_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROTATION_P", 1.0)
    image, target = numbered(3, 3, slices=3)
    for seed in range(10):
        result, _ = rotate90(patch_of(image, target), (True, True), np.random.default_rng(seed))
        for before, after in zip(image[0], result[0], strict=True):
            assert sorted(before.flat) == sorted(after.flat)


def test_each_axis_is_flipped_by_itself_in_four_of_ten_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NOISE_P", 0.0)
    image = np.arange(1, 9, dtype=np.float32).reshape(1, 2, 2, 2)
    target = (image[0] == 1).astype(np.uint8)
    rng, draws = np.random.default_rng(0), 3000
    corners: Counter[tuple[int, ...]] = Counter()
    for _ in range(draws):
        result, mask = flip_noise(patch_of(image, target), (True,), rng)
        assert result[0][mask == 1] == 1
        corners[tuple(int(at) for at in np.argwhere(mask)[0])] += 1
    for corner in np.ndindex(2, 2, 2):
        p = 0.4 ** sum(corner) * 0.6 ** (3 - sum(corner))
        assert corners[corner] / draws == pytest.approx(p, abs=4 * binomial_error(p, draws))


def test_noise_comes_in_four_of_ten_cases() -> None:
    image, target = np.ones((1, 2, 2, 2), np.float32), np.zeros((2, 2, 2), np.uint8)
    rng, draws = np.random.default_rng(0), 3000
    noisy = sum(bool((flip_noise(patch_of(image, target), (True,), rng)[0] != 1).any()) for _ in range(draws))
    assert noisy / draws == pytest.approx(0.4, abs=4 * binomial_error(0.4, draws))


def test_noise_has_its_deviation_no_offset_and_is_drawn_for_each_modality(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "NOISE_P", 1.0)
    image = np.full((2, 20, 20, 20), 5, np.float32)
    result, _ = flip_noise(
        patch_of(image, np.zeros((20, 20, 20), np.uint8)), (True, True), np.random.default_rng(0)
    )
    noise = (result - image).reshape(2, -1)
    assert noise.std(1) == pytest.approx([0.1, 0.1], rel=0.03)
    assert noise.mean(1) == pytest.approx([0, 0], abs=0.004)
    assert abs(np.corrcoef(noise)[0, 1]) < 0.05


def test_neither_torchio_nor_torch_is_needed() -> None:
    code = (
        "import sys; sys.modules['torchio'] = sys.modules['torch'] = None\n"
        "import numpy as np\n"
        "from study.imaging.light_augment import flip_noise, rotate90\n"
        "from study.testing.patches import patch_of\n"
        "image, target = np.ones((1, 2, 4, 4), np.float32), np.zeros((2, 4, 4), np.uint8)\n"
        "for each in (rotate90, flip_noise):\n"
        "    each(patch_of(image, target), (True,), np.random.default_rng(0))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
