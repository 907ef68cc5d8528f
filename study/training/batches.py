"""Batches of training samples, drawn in this process or ahead in others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch.utils.data import DataLoader

from study.errors import LoaderError
from study.machine.processes import end_with_parent
from study.streaming.supply import Supply
from study.training.ranks import Ranks
from study.training.samples import Choose, Samples
from study.training.shown import Shown

__all__ = ["Batch", "batches"]

LOOK_S = 5  # how often to look whether loader processes are alive
PATIENCE_S = 300.0  # how long to wait for a batch
SILENCE = "DataLoader timed out"  # this and the following: torch.utils.data.dataloader's words
LOADER_FAILURES = (SILENCE, "DataLoader worker (pid", "Pin memory thread exited")


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


def batches(
    samples: Samples,
    first_epoch: int,
    ranks: Ranks,
    choose: Choose | None = None,
    supply: Supply | None = None,
) -> Iterator[Batch]:
    """The batches of this process, from an epoch (0-based) to the end of the training.

    Samples may have been drawn ahead, in other processes. With `choose`, their modality dropout is drawn anew here,
    when the batch is asked for.

    Args:
        samples: of the training.
        first_epoch: 0-based.
        ranks: the processes that share each iteration's batch.
        choose: one of the draws of the policy; None leaves that to the sample.
        supply: of the fresh brains that the batches show, in their order; None where there are none.

    Raises:
        LoaderError: a process of `trainer.loader_workers` died, or has given nothing for PATIENCE_S.
        ProducerError, TrainingError: a fresh brain cannot be made; see `Supply.wait_for_next`.
    """
    trainer, numbers = samples.course.trainer, samples.numbers(first_epoch, ranks)
    loader = DataLoader(
        samples,
        batch_sampler=numbers if supply is None else _InTime(numbers, supply),
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


@dataclass(frozen=True)
class _InTime:
    """Numbers of samples for a loader, which asks for them when it has them drawn: once their brains are there."""

    numbers: list[list[int]]
    supply: Supply

    def __iter__(self) -> Iterator[list[int]]:
        for numbers in self.numbers:
            self.supply.wait_for_next()
            yield numbers

    def __len__(self) -> int:
        return len(self.numbers)


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
