"""How nnU-Net's augmentation turns, scales and mirrors a patch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from augmenting import ball, only

from study.imaging import augment as module
from study.imaging.augment import augment
from study.imaging.sample import Patch
from study.testing.patches import patch_of


def test_image_and_target_move_together(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, ROTATION_P=1, SCALING_P=1, MIRROR_P=0.5)
    target = np.zeros((20, 24, 22), np.uint8)
    target[4:12, 5:14, 6:18] = 1
    for seed in range(20):
        result, mask = augment(
            patch_of(target[None].astype(np.float32), target), (True,), np.random.default_rng(seed)
        )
        predicted = result[0] > 0.5
        overlap = 2 * np.count_nonzero(predicted & (mask > 0)) / (predicted.sum() + mask.sum())
        assert overlap > 0.9


def test_a_patch_that_is_turned_or_shrunk_shows_what_lies_beyond_its_edges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch, ROTATION_P=1, SCALING_P=1)
    shape = (60, 60, 60)
    coordinates = np.indices(shape).astype(np.float32) + 1
    whole = patch_of(coordinates, ball(shape, 20)).prepared
    inner = Patch(whole, (22, 20, 21), (16, 18, 20))
    for seed in range(30):
        shown, _ = augment(inner, (True,) * 3, np.random.default_rng(seed))
        assert (shown != 0).all()
        # Each coordinate is a linear function of the place, about the same centre.
        middle = np.array([22 + 7.5, 20 + 8.5, 21 + 9.5]) + 1
        np.testing.assert_allclose(shown.mean((1, 2, 3)), middle, atol=1e-3)
        steps = np.stack([np.diff(shown, axis=axis)[:, 0, 0, 0] for axis in (1, 2, 3)])
        scales = np.linalg.norm(steps, axis=0)
        assert scales == pytest.approx(scales[0], rel=1e-3)
        assert 0.7 - 1e-3 <= scales[0] <= 1.4 + 1e-3


def test_what_lies_beyond_a_subject_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, ROTATION_P=1, SCALING_P=1)
    full = np.ones((1, 20, 20, 20), np.float32)
    corners = [
        augment(patch_of(full, np.ones((20, 20, 20), np.uint8)), (True,), np.random.default_rng(seed))
        for seed in range(20)
    ]
    assert any((image == 0).any() for image, _ in corners)
    assert all(((image[0] >= 0.5) == mask).mean() > 0.99 for image, mask in corners)


def test_scaling_shrinks_and_enlarges_within_nnunets_range(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, SCALING_P=1)
    target = ball((30, 30, 30), 9)
    sizes = [
        augment(patch_of(target[None].astype(np.float32), target), (True,), np.random.default_rng(seed))[
            1
        ].sum()
        for seed in range(40)
    ]
    lengths = (np.array(sizes) / target.sum()) ** (1 / 3)
    assert 0.97 / 1.4 < lengths.min() < 0.8
    assert 1.25 < lengths.max() < 1.03 / 0.7


@pytest.mark.parametrize(("shape", "other_slices"), [((5, 16, 16), False), ((6, 16, 16), True)])
def test_a_thin_patch_is_turned_and_scaled_within_its_slices(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int], other_slices: bool
) -> None:
    only(monkeypatch, ROTATION_P=1, SCALING_P=1)
    target = np.zeros(shape, np.uint8)
    target[2, 3:13, 6:9] = 1
    masks = [
        augment(patch_of(target[None].astype(np.float32), target), (True,), np.random.default_rng(seed))[1]
        for seed in range(20)
    ]
    assert any((mask != target).any() for mask in masks)
    assert any(mask[[0, 1, 3, 4]].any() for mask in masks) == other_slices


def test_every_axis_is_mirrored_half_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, MIRROR_P=module.MIRROR_P)
    image = np.arange(1, 9, dtype=np.float32).reshape(1, 2, 2, 2)
    target = (image[0] == 1).astype(np.uint8)
    rng = np.random.default_rng(0)
    corners: Counter[int] = Counter()
    for _ in range(800):
        result, mask = augment(patch_of(image, target), (True,), rng)
        assert result[0][mask == 1] == 1
        corners[int(result[0, 0, 0, 0])] += 1
    assert sum((corners[corner] - 100) ** 2 / 100 for corner in range(1, 9)) < 24.32  # 7 degrees, 0.001
