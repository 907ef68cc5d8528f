"""The training samples of a run, by number: sample n is the same whichever process draws it, and whenever."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.random import Generator
from torch.utils.data import DataLoader, Dataset

from study.config.parts import find_part
from study.errors import LoaderError
from study.imaging.prepared import Prepared
from study.imaging.sample import Patch, sample_empty_patch, sample_patch
from study.machine.processes import end_with_parent
from study.training.course import Course
from study.training.dropout import Draw, sample_dropout
from study.training.fading import fade, progress
from study.training.ranks import Ranks
from study.training.shown import Shown, arranged, shown, with_channels

__all__ = ["Batch", "Samples", "batches"]

LOOK_S = 5  # how often to look whether loader processes are alive
PATIENCE_S = 300.0  # how long to wait for a batch
SILENCE = "DataLoader timed out"  # this and the following: torch.utils.data.dataloader's words
LOADER_FAILURES = (SILENCE, "DataLoader worker (pid", "Pin memory thread exited")
OF_A_PAIR = 1  # distinguishes the generator of a pair from that of the sample with the same number
OF_A_SUBSET = 2  # likewise the one that draws the dropout again
Choose = Callable[[Callable[[], Draw], Generator], Draw]
Augmentation = Callable[[Patch, np.ndarray, Generator], tuple[np.ndarray, np.ndarray]]


@dataclass
class Batch:
    """Samples of one iteration in one process, of C inputs: M modalities, and behind them channels computed from them.

    Attributes:
        image: float32 `[B, C, D, H, W]`, augmented, with all present modalities; absent ones are 0, or computed from
            others (`imputation.kind`).
        target: uint8 `[B, D, H, W]`.
        present: float32 `[B, C]`, 1 where the subject has a modality, or its image is computed.
        factors: float32 `[B, C]`, what modality dropout multiplies an input by.
        code: float32 `[B, C]`, 0 where nothing of an input is left to see; else 1, or with
            `head.code=gradual` the g(t) of a fading one.
        dropped: float32 `[B, M]`, 1 where a modality was drawn to be dropped.
        computed: float32 `[B, C, D, H, W]`, what takes the place of an input that fades, augmented; None if nothing
            does.
        shares: float32 `[B, C]`, what these images are multiplied by; None likewise.
    """

    image: torch.Tensor
    target: torch.Tensor
    present: torch.Tensor
    factors: torch.Tensor
    code: torch.Tensor
    dropped: torch.Tensor
    computed: torch.Tensor | None = None
    shares: torch.Tensor | None = None

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.image)

    def split(self, parts: int) -> list[Batch]:
        """The batch in parts whose sizes differ by one at most; in single samples if more parts are asked for."""
        columns = [column.tensor_split(min(parts, len(self))) for column in self._columns()]
        return [Batch(*part) for part in zip(*columns, strict=True)]

    @property
    def reduced(self) -> torch.Tensor:
        """The image after modality dropout, `[B, C, D, H, W]`."""
        left = self.image * self.factors[:, :, None, None, None]
        if self.computed is None or self.shares is None:
            return left
        return left + self.computed * self.shares[:, :, None, None, None]

    def showing(self, samples: Sequence[Shown]) -> Batch:
        """The same images with another modality dropout."""
        columns = {
            name: torch.from_numpy(np.stack([getattr(one, name) for one in samples]))
            for name in Shown._fields
        }
        if self.shares is None:
            del columns["shares"]
        return replace(self, **columns)

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(*(column.to(device, non_blocking=True) for column in self._columns()))

    def _columns(self) -> list[torch.Tensor]:
        """All that the batch holds, in order."""
        columns = (getattr(self, field.name) for field in fields(self))
        return [column for column in columns if column is not None]


class Samples(Dataset[tuple[np.ndarray, ...]]):
    """All samples of a training, in order of use.

    With `trainer.sampling=pairs`, samples 2k and 2k + 1 show one subject: the first shows the target where the subject
    has any, the second none of it, or as little as a patch can (Vargas-Ibarra et al. 2024, section 2.3).

    Args:
        course: the settings of the training.
        subjects: what may be learnt from.
        patch_size: `[D, H, W]` in voxels.
        world: processes that share each iteration's batch.
    """

    def __init__(
        self,
        course: Course,
        subjects: Sequence[Prepared],
        patch_size: tuple[int, int, int],
        world: int,
    ) -> None:
        trainer = course.trainer
        self.course = course
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

    def drawn_again(self, number: int, choose: Choose) -> Shown:
        """The modality dropout of a sample, drawn anew: one of the draws of the policy, which `choose` takes."""
        rng = np.random.default_rng((self.course.seed, number, OF_A_SUBSET))
        prepared = self._draw_subject(self._generator(number))
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
            prepared = self._draw_subject(rng)
            forced = number % self.per_iteration >= self.forced_from
            return sample_patch(prepared, self.patch_size, forced, rng)
        prepared = self._draw_subject(self._generator(number))
        if number % 2:
            return sample_empty_patch(prepared, self.patch_size, rng)
        return sample_patch(prepared, self.patch_size, True, rng)

    def _draw_subject(self, rng: Generator) -> Prepared:
        """Any subject; with `trainer.balance_centers`, one from a center that is drawn first (Xu et al. 2024).

        Drawing centers equally often amounts on average to repeating their subjects until all have the same size.
        """
        group = self.groups[int(rng.integers(len(self.groups)))]
        return group[int(rng.integers(len(group)))]

    def _fading(self, g: float) -> float:
        """The code of a dropped modality."""
        return g if self.course.code == "gradual" else float(g > 0)


def batches(
    samples: Samples, first_epoch: int, ranks: Ranks, choose: Choose | None = None
) -> Iterator[Batch]:
    """The batches of this process, from an epoch (0-based) to the end of the training.

    Samples may have been drawn ahead, in other processes. With `choose`, their modality dropout is drawn anew here,
    when the batch is asked for.

    Raises:
        LoaderError: a process of `trainer.loader_workers` died, or has given nothing for PATIENCE_S.
    """
    trainer = samples.course.trainer
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
        worker_init_fn=end_with_parent,
        generator=torch.Generator(),  # else it draws from the one that dropout layers draw from, again on resuming
        timeout=LOOK_S if trainer.loader_workers else 0,
    )
    drawn = iter(loader)
    for own_numbers in numbers:
        arrays = _next(drawn, trainer.loader_workers)
        if arrays is None:
            return
        batch = Batch(*arrays)
        if choose is None:
            yield batch
        else:
            yield batch.showing([samples.drawn_again(number, choose) for number in own_numbers])


def _next(drawn: Iterator[list[torch.Tensor]], workers: int) -> list[torch.Tensor] | None:
    """What the loader gives next; None at its end."""
    began = time.monotonic()
    while True:
        try:
            return next(drawn, None)
        except (RuntimeError, EOFError, OSError) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            if not _is_of_loader(error, reason):
                raise
            if reason.startswith(SILENCE) and time.monotonic() - began < PATIENCE_S:
                continue
            raise LoaderError(
                f"trainer.loader_workers: one of {workers} processes that draw patches died or hangs ({reason}); "
                "resume with resume=true, with fewer of them if memory is short, or with trainer.loader_workers=0"
            ) from error


def _is_of_loader(error: Exception, reason: str) -> bool:
    """Whether the loader itself failed, and not what runs in it.

    The connection to a process that is dying may break before it counts as dead. Errors of what runs in a process are
    raised again with a text that begins with "Caught".
    """
    if isinstance(error, RuntimeError):
        return reason.startswith(LOADER_FAILURES)
    return not reason.startswith("Caught ")
