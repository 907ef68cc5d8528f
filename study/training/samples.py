"""The training samples of a run, by number: sample n is the same whichever process draws it, and whenever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.random import Generator
from torch.utils.data import Dataset

from study.config.parts import find_part
from study.imaging.prepared import Prepared
from study.imaging.sample import Patch, sample_empty_patch, sample_patch
from study.streaming.stream import Stream
from study.streaming.turns import FreshBrain
from study.training.course import Course
from study.training.dropout import Draw, sample_dropout
from study.training.fading import fade, progress
from study.training.ranks import Ranks
from study.training.shown import Shown, arranged, shown, with_channels

__all__ = ["Choose", "Samples"]

OF_A_PAIR = 1  # distinguishes the generator of a pair from that of the sample with the same number
OF_A_SUBSET = 2  # likewise the one that draws the dropout again
Choose = Callable[[Callable[[], Draw], Generator], Draw]
Augmentation = Callable[[Patch, np.ndarray, Generator], tuple[np.ndarray, np.ndarray]]


class Samples(Dataset[tuple[np.ndarray, ...]]):
    """All samples of a training, in order of use.

    With `trainer.sampling=pairs`, samples 2k and 2k + 1 show one subject: the first shows the target where the subject
    has any, the second none of it, or as little as a patch can (Vargas-Ibarra et al. 2024, section 2.3).

    Args:
        course: the settings of the training.
        subjects: what may be learnt from.
        patch_size: `[D, H, W]` in voxels.
        world: processes that share each iteration's batch.
        stream: fresh brains that take the places of subjects; None where there are none. They are read from the cache:
            whoever draws a sample sees to it that its brain is there (`study.streaming.supply`).
    """

    def __init__(
        self,
        course: Course,
        subjects: Sequence[Prepared],
        patch_size: tuple[int, int, int],
        world: int,
        stream: Stream | None = None,
    ) -> None:
        trainer = course.trainer
        self.course = course
        self.stream = stream
        self.groups = [list(subjects)]
        if trainer.balance_centers:
            names = sorted({each.facts.center for each in subjects})
            self.groups = [[each for each in subjects if each.facts.center == name] for name in names]
        self.patch_size = patch_size
        self.per_iteration = trainer.batch_size * world
        self.per_epoch = self.per_iteration * trainer.iterations_per_epoch
        self.forced_from = round(self.per_iteration * (1 - trainer.foreground_fraction))
        self.replaces = course.imputes or any(one.channels and one.channels.has_others for one in subjects)

    def __len__(self) -> int:
        return self.per_epoch * self.course.trainer.epochs

    def fade_at(self, epoch: int) -> float:
        """g at an epoch, 0-based."""
        course = self.course
        at = progress(epoch, course.trainer.epochs, course.schedule.clock, course.rungs)
        return fade(course.schedule, at)

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng((self.course.seed, number))
        patch = self._draw(number, rng)
        prepared = patch.prepared
        augment: Augmentation = find_part("augmentations", self.course.trainer.augmentation)
        there = np.append(np.asarray(prepared.present, bool), np.ones(prepared.further, bool))
        window, target = augment(patch, there, rng)
        *flags, shares = self._shown(number, prepared, self._drawing(number, prepared, rng)())
        if not self.replaces and prepared.channels is None:
            return window, target, *flags
        image, made = arranged(window, prepared)
        return (image, target, *flags, made, shares) if self.replaces else (image, target, *flags)

    def numbers(self, first_epoch: int, ranks: Ranks) -> list[list[int]]:
        """The samples of each batch of one process, from an epoch (0-based) to the end of the training."""
        trainer = self.course.trainer
        first = first_epoch * trainer.iterations_per_epoch
        last = trainer.epochs * trainer.iterations_per_epoch
        own = range(ranks.rank * trainer.batch_size, (ranks.rank + 1) * trainer.batch_size)
        return [[i * self.per_iteration + item for item in own] for i in range(first, last)]

    def brain(self, number: int) -> FreshBrain | None:
        """The fresh brain that a sample shows; None where it shows a subject of the cohort."""
        if self.stream is None:
            return None
        subject = self._draw_subject(self._generator(number))
        return self.stream.brain(subject.key, self._iteration(number))

    def needs(self, first_epoch: int, ranks: Ranks) -> Iterator[set[FreshBrain]]:
        """The fresh brains that each batch of one process shows; arguments as of `numbers`."""
        for numbers in self.numbers(first_epoch, ranks):
            yield {brain for number in numbers if (brain := self.brain(number)) is not None}

    def drawn_again(self, number: int, choose: Choose) -> Shown:
        """The modality dropout of a sample, drawn anew: one of the draws of the policy, which `choose` takes."""
        rng = np.random.default_rng((self.course.seed, number, OF_A_SUBSET))
        prepared = self._subject(number, self._generator(number))
        return self._shown(number, prepared, choose(self._drawing(number, prepared, rng), rng))

    def _drawing(self, number: int, prepared: Prepared, rng: Generator) -> Callable[[], Draw]:
        g = self.fade_at(number // self.per_epoch)
        course = self.course
        return lambda: sample_dropout(prepared.present, course.droppable, course.dropout, g, rng)

    def _shown(self, number: int, prepared: Prepared, draw: Draw) -> Shown:
        g = self.fade_at(number // self.per_epoch)
        found = shown(np.asarray(prepared.present, bool), draw, g, self._fading(g), prepared.computed)
        return found if prepared.channels is None else with_channels(found, prepared.channels)

    def _generator(self, number: int) -> Generator:
        """What a sample's subject is drawn from first: its own generator, or that of its pair."""
        if self.course.trainer.sampling == "patches":
            return np.random.default_rng((self.course.seed, number))
        return np.random.default_rng((self.course.seed, number // 2, OF_A_PAIR))

    def _draw(self, number: int, rng: Generator) -> Patch:
        """A patch of a subject."""
        if self.course.trainer.sampling == "patches":
            prepared = self._subject(number, rng)
            forced = number % self.per_iteration >= self.forced_from
            return sample_patch(prepared, self.patch_size, forced, rng)
        prepared = self._subject(number, self._generator(number))
        if number % 2:
            return sample_empty_patch(prepared, self.patch_size, rng)
        return sample_patch(prepared, self.patch_size, True, rng)

    def _iteration(self, number: int) -> int:
        return number // self.per_iteration

    def _subject(self, number: int, rng: Generator) -> Prepared:
        """What a sample shows: a subject, or the fresh brain in its place."""
        subject = self._draw_subject(rng)
        return subject if self.stream is None else self.stream.instead_of(subject, self._iteration(number))

    def _draw_subject(self, rng: Generator) -> Prepared:
        """Any training subject; with `trainer.balance_centers`, of a center that is drawn first (Xu et al. 2024).

        Drawing centers equally often amounts on average to repeating their subjects until all have the same size.
        """
        group = self.groups[int(rng.integers(len(self.groups)))]
        return group[int(rng.integers(len(group)))]

    def _fading(self, g: float) -> float:
        """The code of a dropped modality."""
        return g if self.course.code == "gradual" else float(g > 0)
