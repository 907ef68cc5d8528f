from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from augmenting import ball, only
from numpy.typing import NDArray

from study.errors import MissingDependencyError
from study.imaging import augment as module
from study.imaging.augment import augment
from study.testing.patches import patch_of

Array = NDArray[np.float32]
EFFECT = {effect.change.__name__: effect for effect in module.EFFECTS}


def patch(shape: tuple[int, int, int] = (10, 16, 16)) -> tuple[Array, NDArray[np.uint8]]:
    """Three modalities of a brain that fills the middle of the patch, with a ball as target."""
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (3, *shape)).astype(np.float32)
    image[:, :, :3] = 0
    return image, ball(shape, 4)


def changed(name: str, channel: Array, amount: float, inside: NDArray[np.bool_] | None = None) -> Array:
    result = channel.copy()
    inside = np.ones(channel.shape, bool) if inside is None else inside
    EFFECT[name].change(result, inside, amount, np.random.default_rng(0))
    return result


def test_absent_modalities_stay_exactly_zero_and_all_else_finite() -> None:
    image, target = patch()
    image[1] = 0
    for seed in range(60):
        result, mask = augment(patch_of(image, target), (True, False, True), np.random.default_rng(seed))
        assert not result[1].any()
        assert result[0].any()
        assert result[2].any()
        assert np.isfinite(result).all()
        assert set(np.unique(mask)) <= {0, 1}


def test_the_result_has_the_types_and_shapes_of_the_input_which_is_left_alone() -> None:
    image, target = patch()
    image.setflags(write=False)
    target.setflags(write=False)
    for seed in range(20):
        result, mask = augment(patch_of(image, target), np.array([True] * 3), np.random.default_rng(seed))
        assert (result.shape, result.dtype) == (image.shape, np.float32)
        assert (mask.shape, mask.dtype) == (target.shape, np.uint8)
        assert result.flags.writeable
        assert mask.flags.writeable
        assert torch.from_numpy(mask).is_contiguous()


def test_voxels_outside_the_brain_stay_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, EFFECTS=tuple(replace(effect, p=1, channel_p=1) for effect in module.EFFECTS))
    image, target = patch()
    result, _ = augment(patch_of(image, target), (True,) * 3, np.random.default_rng(0))
    np.testing.assert_array_equal(result == 0, image == 0)


def test_the_generator_decides_everything_and_global_ones_are_not_touched() -> None:
    image, target = patch()
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    state, legacy = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    first = [augment(patch_of(image, target), (True,) * 3, np.random.default_rng(seed)) for seed in range(30)]
    assert torch.equal(torch.get_rng_state(), state)
    assert np.random.get_state()[1].tolist() == legacy  # noqa: NPY002
    torch.manual_seed(2)
    for seed, (result, mask) in enumerate(first):
        again, same = augment(patch_of(image, target), (True,) * 3, np.random.default_rng(seed))
        np.testing.assert_array_equal(result, again)
        np.testing.assert_array_equal(mask, same)
    assert len({result.tobytes() for result, _ in first}) > 20


def test_effects_come_as_often_as_in_nnunet(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, channels = 3000, 2
    counts: Counter[str] = Counter()
    amounts: dict[str, list[float]] = {name: [] for name in EFFECT}

    def watched(effect: module.Effect) -> module.Effect:
        name = effect.change.__name__

        def change(channel: Array, inside: NDArray[np.bool_], amount: Any, rng: np.random.Generator) -> None:
            counts[name] += 1
            amounts[name] += np.atleast_1d(amount).tolist()

        return replace(effect, change=change)

    only(monkeypatch, EFFECTS=tuple(watched(effect) for effect in module.EFFECTS))
    image, target = np.ones((channels, 2, 2, 2), np.float32), np.zeros((2, 2, 2), np.uint8)
    for seed in range(samples):
        augment(patch_of(image, target), (True, True), np.random.default_rng(seed))
    published = {  # per sample and channel, and the range of strengths
        "_noise": (0.1, 0.0, 0.1),
        "_blur": (0.2 * 0.5, 0.5, 1.0),
        "_brightness": (0.15, 0.75, 1.25),
        "_contrast": (0.15, 0.75, 1.25),
        "_low_resolution": (0.25 * 0.5, 0.5, 1.0),
        "_inverted_gamma": (0.1, 0.7, 1.5),
        "_gamma": (0.3, 0.7, 1.5),
    }
    assert set(published) == set(EFFECT)
    for name, (p, low, high) in published.items():
        error = (p * (1 - p) / samples) ** 0.5  # both channels counted as one: the larger error
        assert counts[name] / samples / channels == pytest.approx(p, abs=4 * error)
        assert low <= min(amounts[name]) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(amounts[name]) <= high
    for name in ("_brightness", "_contrast", "_gamma"):
        assert np.mean(np.array(amounts[name]) < 1) == pytest.approx(0.5, abs=0.08)


def test_the_noise_is_as_strong_in_all_channels_but_not_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, EFFECTS=(replace(EFFECT["_noise"], p=1),))
    image = np.full((2, 20, 20, 20), 5, np.float32)
    result, _ = augment(
        patch_of(image, np.zeros((20, 20, 20), np.uint8)), (True, True), np.random.default_rng(0)
    )
    noise = result - image
    assert noise[0].std() == pytest.approx(noise[1].std(), rel=0.05)
    assert abs(np.corrcoef(noise.reshape(2, -1))[0, 1]) < 0.05


def test_noise_has_its_deviation_and_no_offset() -> None:
    noise = changed("_noise", np.zeros((20, 20, 20), np.float32), 0.08)
    assert noise.std() == pytest.approx(0.08, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.003)


def test_brightness_multiplies() -> None:
    channel = np.array([[[1, -2, 4]]], np.float32)
    np.testing.assert_allclose(changed("_brightness", channel, 1.25), [[[1.25, -2.5, 5]]])


def test_contrast_stretches_about_the_mean_within_the_range() -> None:
    channel = np.array([[[0, 4, 6, 10]]], np.float32)  # mean 5
    np.testing.assert_allclose(changed("_contrast", channel, 0.5), [[[2.5, 4.5, 5.5, 7.5]]])
    np.testing.assert_allclose(changed("_contrast", channel, 2.0), [[[0, 3, 7, 10]]])


def test_intensities_are_judged_by_the_brain_alone() -> None:
    channel = np.array([[[0, 0, 4, 8]]], np.float32)
    np.testing.assert_allclose(changed("_contrast", channel, 0.5, channel != 0), [[[0, 0, 5, 7]]])


def test_gamma_bends_values_and_keeps_mean_and_deviation() -> None:
    channel = np.array([[[0, 1, 2]]], np.float32)
    # (0, 1/4, 1): mean 5/12, deviation sqrt(26)/12; brought back to mean 1, deviation sqrt(2/3)
    expected = (np.array([0, 0.25, 1]) - 5 / 12) / (26**0.5 / 12) * (2 / 3) ** 0.5 + 1
    np.testing.assert_allclose(changed("_gamma", channel, 2.0)[0, 0], expected, rtol=1e-5)


def test_inverted_gamma_bends_the_other_end() -> None:
    channel = np.array([[[0, 1, 2]]], np.float32)
    np.testing.assert_allclose(
        changed("_inverted_gamma", channel, 2.0)[0, 0],
        2 - changed("_gamma", channel, 2.0)[0, 0, ::-1],
        rtol=1e-5,
    )


@pytest.mark.parametrize("name", sorted(EFFECT.keys() - {"_noise", "_brightness"}))
def test_a_constant_channel_stays_constant(name: str) -> None:
    channel = np.full((6, 8, 7), 3, np.float32)
    np.testing.assert_allclose(changed(name, channel, 0.7), channel, rtol=1e-6)


def test_blur_spreads_a_point_as_a_gaussian() -> None:
    channel = np.zeros((15, 15, 15), np.float32)
    channel[7, 7, 7] = 1
    blurred = changed("_blur", channel, (1.0, 1.0, 1.0))
    assert blurred.sum() == pytest.approx(1, rel=1e-4)
    assert blurred[7, 7, 8] / blurred[7, 7, 7] == pytest.approx(np.exp(-0.5), rel=1e-3)
    assert blurred[7, 9, 7] / blurred[7, 7, 7] == pytest.approx(np.exp(-2), rel=1e-3)


def test_low_resolution_keeps_gradients_within_a_voxel_and_loses_fine_detail() -> None:
    ramp = np.broadcast_to(np.arange(12, dtype=np.float32), (12, 12, 12))
    assert np.abs(changed("_low_resolution", ramp, 0.5) - ramp).max() <= 1
    checkers = (np.indices((12, 12, 12)).sum(0) % 2).astype(np.float32)
    assert changed("_low_resolution", checkers, 0.5).std() < 0.2 * checkers.std()


def test_low_resolution_of_a_thin_patch_does_not_mix_slices() -> None:
    channel = np.broadcast_to(np.arange(4, dtype=np.float32)[:, None, None], (4, 16, 16))
    np.testing.assert_allclose(changed("_low_resolution", channel, 0.5), channel, atol=1e-6)


def test_without_torchio_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchio", None)
    image, target = patch()
    with pytest.raises(
        MissingDependencyError,
        match=r"pip install torchio.*trainer\.augmentation=none, rotate90 or flip_noise",
    ):
        augment(patch_of(image, target), (True,) * 3, np.random.default_rng(0))


def test_a_patch_of_one_slice_becomes_a_tensor() -> None:
    image = np.random.default_rng(0).normal(size=(2, 1, 12, 10)).astype(np.float32)
    target = (image[0] > 1).astype(np.uint8)
    for seed in range(20):  # mirrored along each axis and not
        for array in augment(patch_of(image, target), [True, True], np.random.default_rng(seed)):
            assert torch.from_numpy(array).isfinite().all()
