"""The training samples of a run, by number: sample n is the same whoever draws it, and whenever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from study.config import Config
from study.imaging.augment import augment
from study.imaging.prepare import Prepared
from study.imaging.sample import sample_patch
from study.training.dropout import sample_dropout
from study.training.ranks import Ranks
from study.training.schedules import fade, progress


@dataclass
class Batch:
    """Samples of one iteration in one process.

    Attributes:
        image: float32 `[B, M, D, H, W]`, augmented, dropped modalities faded, absent ones 0.
        target: uint8 `[B, D, H, W]`.
        present: float32 `[B, M]`, 1 where a modality can still be seen.
        dropped: float32 `[B, M]`, 1 where a modality was drawn to be dropped.
    """

    image: torch.Tensor
    target: torch.Tensor
    present: torch.Tensor
    dropped: torch.Tensor


class Samples(Dataset[tuple[np.ndarray, ...]]):
    """All samples of a training, in order of use.

    Args:
        config: seed, modality dropout, schedule and trainer are read.
        subjects: what may be learnt from.
        patch_size: `[D, H, W]` in voxels.
        rungs: epochs at which the tuning compares trials (for `schedule.clock=rung`).
        world: processes that share each iteration's batch.
    """

    def __init__(
        self,
        config: Config,
        subjects: Sequence[Prepared],
        patch_size: tuple[int, int, int],
        rungs: Sequence[int],
        world: int,
    ) -> None:
        self.config = config
        self.subjects = list(subjects)
        self.patch_size = patch_size
        self.rungs = tuple(rungs)
        self.per_iteration = config.trainer.batch_size * world
        self.per_epoch = self.per_iteration * config.trainer.iterations_per_epoch
        self.forced_from = round(self.per_iteration * (1 - config.trainer.foreground_fraction))
        self.droppable = [name in config.modality_dropout.droppable for name in config.cohort.modalities]

    def __len__(self) -> int:
        return self.per_epoch * self.config.trainer.epochs

    def fade_at(self, epoch: int) -> float:
        """g at an epoch, 0-based."""
        schedule = self.config.schedule
        return fade(schedule, progress(epoch, self.config.trainer.epochs, schedule.clock, self.rungs))

    def __getitem__(self, number: int) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng((self.config.study.seed, number))
        prepared = self.subjects[int(rng.integers(len(self.subjects)))]
        forced = number % self.per_iteration >= self.forced_from
        image, target = sample_patch(prepared, self.patch_size, forced, rng)
        present = np.asarray(prepared.present, bool)
        if self.config.trainer.augmentation == "nnunet":
            image, target = augment(image, target, present, rng)
        g = self.fade_at(number // self.per_epoch)
        draw = sample_dropout(prepared.present, self.droppable, self.config.modality_dropout, g, rng)
        image = image * draw.factors[:, None, None, None]
        visible = present & ~(draw.dropped & (g == 0))
        return image, target, visible.astype(np.float32), draw.dropped.astype(np.float32)


def batches(samples: Samples, first_epoch: int, ranks: Ranks) -> Iterator[Batch]:
    """The batches of this process from an epoch on, to the end of the training."""
    trainer = samples.config.trainer
    first = first_epoch * trainer.iterations_per_epoch
    last = trainer.epochs * trainer.iterations_per_epoch
    own = range(ranks.rank * trainer.batch_size, (ranks.rank + 1) * trainer.batch_size)
    numbers = [[i * samples.per_iteration + item for item in own] for i in range(first, last)]
    loader = DataLoader(
        samples,
        batch_sampler=numbers,
        num_workers=trainer.loader_workers,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="forkserver" if trainer.loader_workers else None,
    )
    for image, target, present, dropped in loader:
        yield Batch(image, target, present, dropped)
