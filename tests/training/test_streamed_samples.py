"""Samples of fresh brains: a function of their number, whoever draws them, and whenever."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stream_cases import put, stream_in, volume
from training_cases import CENTERS, PATCH, short_course, small_subjects

from study.errors import CacheError
from study.imaging.stored import write_prepared
from study.streaming.stream import Stream
from study.streaming.supply import Supply
from study.streaming.turns import FreshBrain
from study.training.batches import Batch, batches
from study.training.ranks import Ranks
from study.training.samples import Samples

SLOTS = {"A-2": "sub-2", "A-0": "sub-0", "B-3": "sub-3"}  # of four subjects; A-1 is a real scan, say
EVERY = 2
KEYS = list(CENTERS)


def marker(key: str, generation: int) -> float:
    """What the last modality of a subject or a brain holds."""
    return 10 * KEYS.index(key) + generation + 1


def subjects() -> list[Any]:
    made = small_subjects()
    for one in made:
        one.image[2] = marker(one.key, 0)
    return made


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    """Brains for all of a short training, in three places of four."""
    made = stream_in(tmp_path, SLOTS, EVERY)
    for key, name in SLOTS.items():
        for generation in (1, 2):
            put(made, FreshBrain(key, name, generation), marker(key, generation))
    return made


def samples_with(stream: Stream | None, **trainer: Any) -> Samples:
    return Samples(short_course(**trainer), subjects(), PATCH, 1, stream)


def shown(samples: Samples, number: int) -> tuple[str, int]:
    """The subject and the generation that a sample shows, as its last modality says."""
    value = int(samples[number][0][2].max()) - 1
    return KEYS[value // 10], value % 10


def test_a_sample_shows_who_is_in_the_place_of_its_subject_at_its_iteration(stream: Stream) -> None:
    fixed, streamed = samples_with(None), samples_with(stream)
    # Places are taken in the order, B-3, from iterations 2, 4, 6, then 8, 10 on; two samples an iteration.
    since = {"A-2": (2, 8), "A-0": (4, 10), "B-3": (6, 12), "A-1": (99, 99)}
    found = Counter()
    for number in range(len(streamed)):
        key, generation = shown(streamed, number)
        assert key == shown(fixed, number)[0]
        assert generation == sum(number // 2 >= first for first in since[key])
        found[generation] += 1
    assert min(found[generation] for generation in (0, 1, 2)) > 0


def test_proportions_of_centers_are_those_without_fresh_brains(stream: Stream) -> None:
    fixed, streamed = (
        samples_with(None, balance_centers=True),
        samples_with(stream, balance_centers=True),
    )
    centers = [
        [CENTERS[shown(samples, number)[0]] for number in range(len(samples))]
        for samples in (fixed, streamed)
    ]
    assert centers[0] == centers[1]


def all_batches(samples: Samples, first_epoch: int = 0) -> list[Batch]:
    return list(batches(samples, first_epoch, Ranks()))


def test_a_resumed_training_and_other_processes_draw_the_same(stream: Stream) -> None:
    whole, resumed, beside = (
        all_batches(samples_with(stream)),
        all_batches(samples_with(stream), first_epoch=2),
        all_batches(samples_with(stream, loader_workers=1)),
    )
    assert len(whole) == len(beside) == 12
    assert len(resumed) == 6
    for one, other in [*zip(whole, beside, strict=True), *zip(whole[6:], resumed, strict=True)]:
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.target, other.target)


class Maker:
    """Stands for the processes that make brains: what it is asked for is there at once."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def submit(self, function: Callable[..., bool], recipe: object, brain: FreshBrain) -> Future[bool]:
        put(self._stream, brain, marker(brain.key, brain.generation))
        made: Future[bool] = Future()
        made.set_result(True)
        return made


@pytest.mark.parametrize("workers", [0, 1])
def test_brains_are_there_before_samples_are_drawn(
    tmp_path: Path, stream: Stream, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.streaming.supply.AHEAD", 1)
    late = stream_in(tmp_path / "empty", SLOTS, EVERY)
    samples = samples_with(late, loader_workers=workers)
    supply = Supply(late, samples.needs(0, Ranks()), Maker(late))  # type: ignore[arg-type]
    drawn = list(batches(samples, 0, Ranks(), supply=supply))
    for one, other in zip(drawn, all_batches(samples_with(stream)), strict=True):
        assert torch.equal(one.image, other.image)


def test_two_workers_draw_what_one_draws_with_a_batch_of_twice_the_size(stream: Stream) -> None:
    alone = Samples(short_course(batch_size=4), subjects(), PATCH, 1, stream)
    group = Samples(short_course(batch_size=2), subjects(), PATCH, 2, stream)
    assert alone.numbers(0, Ranks(0, 1))[3] == [
        *group.numbers(0, Ranks(0, 2))[3],
        *group.numbers(0, Ranks(1, 2))[3],
    ]
    for number in range(12, 16):
        np.testing.assert_array_equal(alone[number][0], group[number][0])


@pytest.mark.parametrize("sampling", ["patches", "pairs"])
@pytest.mark.parametrize("balanced", [True, False])
def test_exactly_the_brains_that_samples_show_are_needed(
    tmp_path: Path, sampling: str, balanced: bool
) -> None:
    stream = stream_in(tmp_path, SLOTS, EVERY)
    samples = samples_with(stream, sampling=sampling, balance_centers=balanced)
    needs = list(samples.needs(0, Ranks()))
    numbers = samples.numbers(0, Ranks())
    assert len(needs) == len(numbers) == 12
    assert set().union(*needs)
    for brains, batch in zip(needs, numbers, strict=True):
        for brain in [one for one in brains if not stream.recipe.entry(one).is_dir()]:
            with pytest.raises(CacheError, match="not in the cache"):
                [samples[number] for number in batch]
            put(stream, brain, marker(brain.key, brain.generation))
        assert {shown(samples, number) for number in batch if shown(samples, number)[1]} == {
            (brain.key, brain.generation) for brain in brains
        }


def test_the_dropout_is_drawn_again_for_the_brain_that_a_sample_shows(stream: Stream) -> None:
    whole = samples_with(stream)
    lacking = next(number for number in range(24) if shown(whole, number)[1])
    key, generation = shown(whole, lacking)
    other = FreshBrain(key, SLOTS[key], generation)
    without = replace(volume(marker(key, generation)), present=(True, True, False))
    shutil.rmtree(stream.recipe.entry(other))
    write_prepared(without, stream.recipe.entry(other))
    drawn = samples_with(stream_in(stream.recipe.entries.cache, SLOTS, EVERY)).drawn_again(
        lacking, lambda draw, rng: draw()
    )
    assert drawn.present.tolist() == [1, 1, 0]


def test_opened_brains_are_not_sent_to_other_processes(stream: Stream) -> None:
    samples = samples_with(stream)
    assert samples.brain(0) is None
    before = len(pickle.dumps(samples))
    assert any(shown(samples, number)[1] for number in range(len(samples)))
    assert len(pickle.dumps(samples)) == before


def test_a_brain_has_a_name_of_its_own_and_the_facts_of_its_place(stream: Stream) -> None:
    subject = subjects()[0]
    brain = stream.instead_of(subject, 4)
    assert (brain.key, brain.facts.center) == ("A-0-fresh1", "A")
    assert stream.instead_of(subject, 5) is brain
    assert stream.instead_of(subject, 0) is subject
