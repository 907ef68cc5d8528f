"""What training samples show where images are computed: by hand, in batches, and without leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from training_cases import course_of, small_subjects

from study.config import ModalityDropout, Schedule
from study.imaging.computed import Computed
from study.imaging.prepared import Prepared
from study.training.batches import Batch, batches
from study.training.dropout import Draw
from study.training.ranks import Ranks
from study.training.samples import Samples
from study.training.shown import Shown, shown

PATCH = (4, 8, 8)
SOURCES = ((1, 2), (0, 2), (0, 1))  # of DWI, ADC, B0


def computed_of(*channels: int) -> Computed:
    shape = (len(channels), 6, 12, 12)
    image = np.random.default_rng(9).normal(size=shape).astype(np.float32)
    return Computed(image, channels, tuple(SOURCES[channel] for channel in channels))


def shown_of(present: str, dropped: str, g: float, *channels: int) -> dict[str, list[float]]:
    there, gone = (np.array([flag == "1" for flag in flags]) for flags in (present, dropped))
    draw = Draw(np.where(gone, g, there).astype(np.float32), gone)
    found = shown(there, draw, g, float(g > 0), computed_of(*channels))
    return {name: pytest.approx(getattr(found, name).tolist()) for name in Shown._fields if name != "dropped"}


@pytest.mark.parametrize(
    ("present", "dropped", "g", "channels", "expected"),
    [
        # B0 is dropped: it fades into the one that is computed, and counts as given
        ("111", "001", 0.25, (0, 1, 2), ([1, 1, 1], [1, 1, 0.25], [1, 1, 1], [0, 0, 0.75])),
        ("111", "001", 0.0, (0, 1, 2), ([1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 0, 1])),
        # ADC, too: nothing is left to compute either from, so both are dropped as ever
        ("111", "011", 0.25, (0, 1, 2), ([1, 1, 1], [1, 0.25, 0.25], [1, 1, 1], [0, 0, 0])),
        ("111", "011", 0.0, (0, 1, 2), ([1, 1, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0])),
        # a subject without B0 has it computed; with ADC dropped it fades together with ADC
        ("110", "000", 0.25, (2,), ([1, 1, 1], [1, 1, 1], [1, 1, 1], [0, 0, 0])),
        ("110", "010", 0.25, (2,), ([1, 1, 1], [1, 0.25, 0.25], [1, 1, 1], [0, 0, 0])),
        ("110", "010", 0.0, (2,), ([1, 1, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0])),
        # a subject with DWI alone
        ("100", "000", 0.25, (), ([1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 0])),
    ],
)
def test_what_is_shown_by_hand(
    present: str, dropped: str, g: float, channels: tuple[int, ...], expected: tuple[list[float], ...]
) -> None:
    found = shown_of(present, dropped, g, *channels)
    assert found == dict(zip(("present", "factors", "code", "shares"), expected, strict=True))


def samples_with(
    subjects: list[Prepared], schedule: Schedule, droppable: tuple[str, ...] = ("B0",), **trainer: object
) -> Samples:
    dropout = ModalityDropout(droppable=droppable, drop_probability=1, noise_std=0)
    course = course_of(
        dropout=dropout, schedule=schedule, epochs=2, iterations_per_epoch=3, augmentation="none", **trainer
    )
    return Samples(replace(course, imputes=True), subjects, PATCH, 1)


def first_batch(samples: Samples) -> Batch:
    return next(batches(samples, 0, Ranks()))


def test_a_batch_fades_the_true_image_into_the_computed_one() -> None:
    subjects = [replace(one, computed=computed_of(2)) for one in small_subjects()]
    linear = Schedule(shape="linear", start=0.25, end=0.25)
    batch, true = (
        first_batch(samples_with(subjects, linear)),
        first_batch(samples_with(subjects, Schedule(shape="none"))),
    )
    assert batch.computed is not None
    assert_allclose(batch.reduced[:, :2], batch.image[:, :2])
    assert_allclose(batch.reduced[:, 2], 0.25 * batch.image[:, 2] + 0.75 * batch.computed[:, 2], rtol=1e-5)
    assert_allclose(true.reduced, true.image)
    assert batch.code.tolist() == [[1, 1, 1]] * 2
    assert [len(part.reduced) for part in batch.split(2)] == [1, 1]
    assert_array_equal(torch.cat([part.reduced for part in batch.split(2)]), batch.reduced)


def test_the_true_image_of_what_is_dropped_does_not_reach_the_network() -> None:
    subjects = [replace(one, computed=computed_of(2)) for one in small_subjects()]
    others = [replace(one, image=one.image.copy()) for one in subjects]
    for other in others:
        other.image[2] = 7 * other.image[2] + 1
    batch, changed = (
        first_batch(samples_with(some, Schedule(shape="abrupt"))) for some in (subjects, others)
    )
    assert not torch.equal(batch.image, changed.image)
    assert torch.equal(batch.reduced, changed.reduced)
    assert torch.equal(batch.code, changed.code)


def test_a_subject_that_lacks_a_modality_has_it_computed_in_both_images() -> None:
    subjects = []
    for one in small_subjects():
        image = one.image.copy()
        image[2] = 0
        subjects.append(replace(one, image=image, present=(True, True, False), computed=computed_of(2)))
    batch = first_batch(samples_with(subjects, Schedule(shape="abrupt")))
    assert batch.computed is not None
    assert batch.present.tolist() == [[1, 1, 1]] * 2
    assert torch.equal(batch.image[:, 2], batch.computed[:, 2])
    assert batch.image[:, 2].any()
    assert torch.equal(batch.reduced, batch.image)  # what a subject lacks cannot be dropped


@pytest.mark.parametrize("augmentation", ["nnunet", "flip_noise"])
def test_computed_images_are_moved_with_the_others(augmentation: str) -> None:
    subjects = [
        replace(one, computed=Computed(one.image[2:].copy(), (2,), ((0, 1),)), image=one.image * [[[[1]]]])
        for one in small_subjects()
    ]
    samples = samples_with(subjects, Schedule(shape="abrupt"))
    trainer = samples.course.trainer.model_copy(update={"augmentation": augmentation})
    samples.course = replace(samples.course, trainer=trainer)
    for number in range(6):
        image, _, *_, computed, _ = samples[number]
        assert_array_equal(computed[:2], 0)
        assert_array_equal(computed[2] != 0, image[2] != 0)
