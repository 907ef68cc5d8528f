"""Samples and batches of four small volumes."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from training_cases import CENTERS, PATCH, samples_of, short_course, small_subjects

from study.config.parts import PARTS
from study.training.batches import batches
from study.training.course import Course
from study.training.ranks import Ranks
from study.training.samples import Samples


@pytest.mark.parametrize(
    "settings",
    [{}, {"balance_centers": True}, *({"augmentation": name} for name in PARTS["augmentations"])],
)
def test_a_sample_is_the_same_whenever_it_is_drawn_and_differs_from_the_next(
    settings: dict[str, Any],
) -> None:
    samples = samples_of(short_course(**settings))
    first, again, other = samples[3], samples[3], samples[4]
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_half_of_each_batch_is_forced_to_hold_foreground() -> None:
    samples = samples_of(short_course(), (2, 3, 3))
    forced = [samples[number][1].any() for number in range(1, 24, 2)]
    assert all(forced)


def drawn(course: Course) -> Counter[str]:
    """How often each subject is drawn in 600 samples, told by a modality that holds its number."""
    marked = small_subjects()
    for number, prepared in enumerate(marked):
        prepared.image[2] = number
    samples = Samples(course, marked, (1, 1, 1), 1)
    return Counter(marked[int(samples[number][0][2, 0, 0, 0])].key for number in range(600))


def test_subjects_are_drawn_equally_often_and_large_centers_more_often() -> None:
    counts = drawn(short_course(epochs=300))
    expected = 600 / 4
    assert sum((counts[key] - expected) ** 2 / expected for key in CENTERS) < 16.27  # 3 degrees, 0.001


def test_with_balance_centers_are_drawn_equally_often_and_their_subjects_too() -> None:
    counts = drawn(short_course(epochs=300, balance_centers=True))
    expected = {"A-0": 100, "A-1": 100, "A-2": 100, "B-3": 300}
    assert sum((counts[key] - each) ** 2 / each for key, each in expected.items()) < 16.27


def test_balance_does_not_depend_on_the_order_of_the_centers() -> None:
    course = short_course(balance_centers=True)
    turned = Samples(course, small_subjects()[3:] + small_subjects()[:3], PATCH, 1)
    arrays = list(zip(samples_of(course)[7], turned[7], strict=True))
    assert len(arrays) == 6
    for one, two in arrays:
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["rotate90", "flip_noise"])
def test_light_augmentations_change_samples_and_need_no_torchio(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "torchio", None)
    plain, changed = (
        samples_of(short_course(epochs=20)),
        samples_of(short_course(epochs=20, augmentation=name)),
    )
    images = [(plain[number][0], changed[number][0]) for number in range(40)]
    assert any(not np.array_equal(one, two) for one, two in images)
    assert all(two.shape == (3, *PATCH) and two.dtype == np.float32 for _, two in images)


def test_loader_processes_change_no_sample() -> None:
    inline = next(batches(samples_of(short_course()), 0, Ranks()))
    beside = next(batches(samples_of(short_course(loader_workers=1)), 0, Ranks()))
    assert torch.equal(inline.image, beside.image)
    assert torch.equal(inline.target, beside.target)
