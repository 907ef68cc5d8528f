"""The training samples of a run, by number: sample n is the same whoever draws it, and whenever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.random import Generator
from torch.utils.data import DataLoader, Dataset

from study.config import Config
from study.imaging.augment import augment
from study.imaging.light_augment import flip_noise, rotate90
from study.imaging.prepare import Prepared
from study.imaging.sample import sample_empty_patch, sample_patch
from study.training.dropout import sample_dropout
from study.training.ranks import Ranks
from study.training.schedules import fade, progress

OF_A_PAIR = 1  # tells the generator of a pair from that of the sample with its number
Augmentation = Callable[[np.ndarray, np.ndarray, np.ndarray, Generator], tuple[np.ndarray, np.ndarray]]


@dataclass
class Batch:
    """Samples of one iteration in one process.

    Attributes:
        image: float32 `[B, M, D, H, W]`, augmented, with all that the subject has; absent modalities are 0.
        target: uint8 `[B, D, H, W]`.
        owned: float32 `[B, M]`, 1 where the subject has a modality.
        factors: float32 `[B, M]`, what a modality is multiplied with: its modality dropout.
        code: float32 `[B, M]`, 0 where nothing of a modality is left to see; else 1, or with
            `head.code=gradual` the g(t) of a fading one.
        dropped: float32 `[B, M]`, 1 where a modality was drawn to be dropped.
    """

    image: torch.Tensor
    target: torch.Tensor
    owned: torch.Tensor
    factors: torch.Tensor
    code: torch.Tensor
    dropped: torch.Tensor

    @property
    def reduced(self) -> torch.Tensor:
        """The image after modality dropout, `[B, M, D, H, W]`."""
        return self.image * self.factors[:, :, None, None, None]

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))


class Samples(Dataset[tuple[np.ndarray, ...]]):
    """All samples of a training, in order of use.

    With `trainer.sampling=pairs`, samples 2k and 2k + 1 are of one subject: the first shows the target, where the
    subject has any, the second none of it, or as little as a patch can (Vargas-Ibarra et al. 2024, section 2.3).

    Args:
        config: seed, modality dropout, schedule and trainer are read.
        subjects: what may be learnt from.
        centers: of each subject's key; read with `trainer.balance_centers`.
        patch_size: `[D, H, W]` in voxels.
        rungs: epochs at which the tuning compares trials (for `schedule.clock=rung`).
        world: processes that share each iteration's batch.
    """

    def __init__(
        self,
        config: Config,
        subjects: Sequence[Prepared],
        centers: Mapping[str, str],
        patch_size: tuple[int, int, int],
        rungs: Sequence[int],
        world: int,
    ) -> None:
        self.config = config
        self.groups = [list(subjects)]
        if config.trainer.balance_centers:
            names = sorted({centers[prepared.key] for prepared in subjects})
            self.groups = [[each for each in subjects if centers[each.key] == name] for name in names]
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
        prepared, image, target = self._draw(number, rng)
        present = np.asarray(prepared.present, bool)
        image, target = AUGMENTATIONS[self.config.trainer.augmentation](image, target, present, rng)
        g = self.fade_at(number // self.per_epoch)
        draw = sample_dropout(prepared.present, self.droppable, self.config.modality_dropout, g, rng)
        code = np.where(draw.dropped, self._fading(g), present)
        rest = (present, draw.factors, code, draw.dropped)
        return image, target, *(flags.astype(np.float32) for flags in rest)

    def _draw(self, number: int, rng: Generator) -> tuple[Prepared, np.ndarray, np.ndarray]:
        """A subject, and a patch of it: image and target."""
        if self.config.trainer.sampling == "patches":
            prepared = self._draw_subject(rng)
            forced = number % self.per_iteration >= self.forced_from
            return prepared, *sample_patch(prepared, self.patch_size, forced, rng)
        shared = np.random.default_rng((self.config.study.seed, number // 2, OF_A_PAIR))
        prepared = self._draw_subject(shared)
        if number % 2:
            return prepared, *sample_empty_patch(prepared, self.patch_size, rng)
        return prepared, *sample_patch(prepared, self.patch_size, True, rng)

    def _draw_subject(self, rng: Generator) -> Prepared:
        """Any subject; with `trainer.balance_centers`, one of a center that is drawn first (Xu et al. 2024).

        Drawing centers equally often is, in the mean, repeating their subjects until all are of one size.
        """
        group = self.groups[int(rng.integers(len(self.groups)))]
        return group[int(rng.integers(len(group)))]

    def _fading(self, g: float) -> float:
        """What the code says of a dropped modality."""
        return g if self.config.head.code == "gradual" else float(g > 0)


def _unchanged(
    image: np.ndarray, target: np.ndarray, present: np.ndarray, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    return image, target


AUGMENTATIONS: dict[str, Augmentation] = {
    "nnunet": augment,
    "rotate90": rotate90,
    "flip_noise": flip_noise,
    "none": _unchanged,
}
"""From a patch, its target, the present modalities and a generator to a changed copy, per `trainer.augmentation`."""


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
    for arrays in loader:
        yield Batch(*arrays)
