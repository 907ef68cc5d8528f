"""What training samples show of computed channels: by hand, in batches, and without leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from training_cases import course_of, small_subjects

from study.config import ModalityDropout, Schedule
from study.imaging.channels.images import ChannelImages
from study.imaging.prepared import Prepared
from study.training.batches import Batch, Samples, batches
from study.training.dropout import Draw
from study.training.ranks import Ranks
from study.training.shown import Shown, shown, with_channels

PATCH = (4, 8, 8)
NAMES = ("local_contrast", "exponential_adc")
WAYS = ((0, (0,)), (1, (0, 2)), (1, (1,)))  # channel, and its sources of DWI, ADC and B0


def channels_of(present: str = "111", seed: int = 9) -> ChannelImages:
    """The channels of a subject with some of DWI, ADC and B0."""
    there = [flag == "1" for flag in present]
    ways = [way for way in WAYS if all(there[source] for source in way[1])]
    image = np.random.default_rng(seed).normal(size=(len(ways), 6, 12, 12)).astype(np.float32)
    return ChannelImages(NAMES, image, tuple(way[0] for way in ways), tuple(way[1] for way in ways))


def shown_of(present: str, dropped: str, g: float, fading: float | None = None) -> Shown:
    there, gone = (np.array([flag == "1" for flag in flags]) for flags in (present, dropped))
    draw = Draw(np.where(gone, g, there).astype(np.float32), gone)
    found = shown(there, draw, g, float(g > 0) if fading is None else fading)
    return with_channels(found, channels_of(present))


@pytest.mark.parametrize(
    ("present", "dropped", "g", "expected"),
    [
        # columns of (local_contrast, exponential_adc): present, factors, code, shares
        ("111", "000", 0.25, ([1, 1], [1, 1], [1, 1], [0, 0])),
        # B0 fades, and DWI / B0 with it, into exp(-b ADC)
        ("111", "001", 0.25, ([1, 1], [1, 0.25], [1, 1], [0, 0.75])),
        ("111", "001", 0.0, ([1, 1], [1, 0], [1, 1], [0, 1])),
        # DWI fades, and both channels with it
        ("111", "100", 0.25, ([1, 1], [0.25, 0.25], [1, 1], [0, 0.75])),
        ("111", "100", 0.0, ([1, 1], [0, 0], [0, 1], [0, 1])),
        # ADC fades, which nothing is taken from as long as the two others stay
        ("111", "010", 0.0, ([1, 1], [1, 1], [1, 1], [0, 0])),
        # B0 and ADC fade: so do both ways
        ("111", "011", 0.25, ([1, 1], [1, 0.25], [1, 1], [0, 0.1875])),
        ("111", "011", 0.0, ([1, 1], [1, 0], [1, 0], [0, 0])),
        # a subject without B0 has one way, one with B0 alone none
        ("110", "000", 0.25, ([1, 1], [1, 1], [1, 1], [0, 0])),
        ("110", "010", 0.25, ([1, 1], [1, 0.25], [1, 1], [0, 0])),
        ("001", "000", 0.25, ([0, 0], [0, 0], [0, 0], [0, 0])),
        ("100", "000", 0.25, ([1, 0], [1, 0], [1, 0], [0, 0])),
    ],
)
def test_what_is_shown_of_channels_by_hand(
    present: str, dropped: str, g: float, expected: tuple[list[float], ...]
) -> None:
    found = shown_of(present, dropped, g)
    columns = (found.present, found.factors, found.code, found.shares)
    assert [column[3:].tolist() for column in columns] == [pytest.approx(column) for column in expected]
    assert len(found.dropped) == 3


def test_a_gradual_code_says_how_much_of_a_channel_is_left() -> None:
    assert shown_of("111", "001", 0.25, fading=0.25).code.tolist() == [1, 1, 0.25, 1, 1]
    assert shown_of("101", "001", 0.25, fading=0.25).code.tolist() == [1, 0, 0.25, 1, 0.25]


def samples_with(
    subjects: list[Prepared], shape: str, droppable: tuple[str, ...] = ("B0",), **trainer: object
) -> Samples:
    g = {"start": 0.25, "end": 0.25} if shape == "linear" else {}
    dropout = ModalityDropout(droppable=droppable, drop_probability=1, noise_std=0)
    course = course_of(
        dropout=dropout,
        schedule=Schedule(shape=shape, **g),
        **{"epochs": 2, "iterations_per_epoch": 3, "augmentation": "none", **trainer},
    )
    return Samples(course, subjects, PATCH, 1)


def first_batch(samples: Samples) -> Batch:
    return next(batches(samples, 0, Ranks()))


def with_images(present: str = "111", seed: int = 9) -> list[Prepared]:
    flags = tuple(flag == "1" for flag in present)
    return [
        replace(
            one,
            image=one.image * np.reshape(flags, (3, 1, 1, 1)).astype(np.float32),
            present=flags,
            channels=channels_of(present, seed + place),
        )
        for place, one in enumerate(small_subjects())
    ]


def test_a_batch_fades_a_channel_into_its_other_way() -> None:
    batch, whole = (first_batch(samples_with(with_images(), shape)) for shape in ("linear", "none"))
    assert batch.computed is not None
    assert batch.image.shape[1] == 5
    assert_allclose(batch.reduced[:, [0, 1, 3]], batch.image[:, [0, 1, 3]])
    assert_allclose(batch.reduced[:, 2], 0.25 * batch.image[:, 2])
    assert_allclose(batch.reduced[:, 4], 0.25 * batch.image[:, 4] + 0.75 * batch.computed[:, 4], rtol=1e-5)
    assert not batch.computed[:, :4].any()
    assert_allclose(whole.reduced, whole.image)
    assert batch.present.tolist() == [[1] * 5] * 2
    assert batch.dropped.tolist() == [[0, 0, 1]] * 2


def test_images_of_a_batch_are_those_of_the_subject_where_the_patch_lies() -> None:
    subjects = with_images()
    samples = samples_with(subjects, "none")
    image, _, *_, made, _ = samples[0]
    found = [
        (one, start)
        for one in subjects
        for start in np.ndindex(3, 5, 5)
        if np.array_equal(one.window(start, PATCH)[:3], image[:3])
    ]
    [(one, start)] = found
    window = one.window(start, PATCH)
    assert_array_equal(image[3:], window[[3, 4]])
    assert_array_equal(made[4], window[5])


def test_no_voxel_of_what_is_dropped_reaches_the_network() -> None:
    subjects, others = with_images(), with_images()
    for other in others:
        assert other.channels is not None
        other.image[2] = 7 * other.image[2] + 1
        other.channels.image[1] += 5  # DWI / B0
    batch, changed = (first_batch(samples_with(some, "abrupt")) for some in (subjects, others))
    assert not torch.equal(batch.image, changed.image)
    assert torch.equal(batch.reduced, changed.reduced)
    assert torch.equal(batch.code, changed.code)
    assert batch.code.tolist() == [[1, 1, 0, 1, 1]] * 2


def test_subjects_with_one_way_need_no_other_image_in_a_batch() -> None:
    batch = first_batch(samples_with(with_images("110"), "linear", ("ADC",)))
    assert batch.computed is None
    assert_allclose(batch.reduced[:, 4], 0.25 * batch.image[:, 4])
    assert_allclose(batch.reduced[:, 3], batch.image[:, 3])


def test_subjects_with_and_without_channels_share_a_batch() -> None:
    mixed = [*with_images("111")[:2], *with_images("001")[2:]]
    samples = samples_with(mixed, "linear", (), balance_centers=True)
    for batch in batches(samples, 0, Ranks()):
        assert batch.image.shape[1] == 5
        there = batch.present[:, 3:]
        assert torch.equal(there, batch.present[:, :1].expand(-1, 2))
        assert not batch.image[there[:, 0] == 0][:, 3:].any()


@pytest.mark.parametrize("augmentation", ["nnunet", "flip_noise", "rotate90"])
def test_channels_are_moved_with_the_images(augmentation: str) -> None:
    subjects = []
    for one in small_subjects():
        same = np.stack([one.image[0], one.image[0], one.image[0]])
        subjects.append(replace(one, channels=replace(channels_of(), image=same)))
    samples = samples_with(subjects, "none", augmentation=augmentation)
    for number in range(6):
        image, _, *_, computed, _ = samples[number]
        for channel in (image[3], image[4], computed[4]):
            assert_array_equal(channel != 0, image[0] != 0)


def test_dropout_that_is_drawn_again_covers_channels() -> None:
    samples = samples_with(with_images(), "abrupt")
    again = samples.drawn_again(0, lambda policy, rng: policy())
    assert again.factors.tolist() == [1, 1, 0, 1, 0]
    batch = first_batch(samples).showing([again, again])
    assert batch.shares is not None
    assert batch.shares.tolist() == [[0, 0, 0, 0, 1]] * 2
