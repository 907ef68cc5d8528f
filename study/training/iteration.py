"""One iteration of a training: the gradient of a batch, whole or in parts, and the update."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from study.machine.memory import is_out_of_memory
from study.machine.runtime import Runtime
from study.training.batches import Batch
from study.training.rates import learns
from study.training.recipe import Criterion

__all__ = ["Iteration"]

logger = logging.getLogger(__name__)


@dataclass
class Iteration:
    """One iteration: forward, loss, backward, clip, update. A network without parameters to train has its loss alone.

    A batch may be trained in parts, one after the other, which needs the memory of one part. As criteria are means over
    samples, the sum of the parts' gradients, each weighted by its share of the samples, is the batch's. Two things are
    not the same: batch normalisation takes its statistics over a part, and layers that draw (dropout) draw for each.

    Attributes:
        model: the network, possibly wrapped for distributed training.
        optimizer: of its parameters.
        scaler: of the loss in float16.
        criterion: the mean over samples of what is minimised.
        gradient_clip: largest norm of the gradient.
        runtime: device and precision.
        parts: in which a batch is trained, at most one for each of its samples.
        halves: whether to double the parts where memory runs out. A process that trains with others must not, as they
            would wait for it in the middle of a batch.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    criterion: Criterion
    gradient_clip: float
    runtime: Runtime
    parts: int = 1
    halves: bool = False

    def __call__(self, batch: Batch) -> torch.Tensor:
        """The loss of a batch, detached, after the update."""
        loss = self._halving_gradient(batch) if self.halves else self._gradient(batch)
        if not learns(self.model):
            return loss
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.gradient_clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss

    def _gradient(self, batch: Batch) -> torch.Tensor:
        """Accumulate the gradient of a batch; its loss."""
        self.optimizer.zero_grad(set_to_none=True)
        runtime, losses = self.runtime, []
        split = batch.split(self.parts)
        for number, part in enumerate(split, 1):
            with self._exchange(number == len(split)):
                on_device = part.to(runtime.device)
                with torch.autocast(
                    runtime.device.type, runtime.precision, enabled=runtime.autocast is not None
                ):
                    loss = self.criterion(self.model, on_device) * (len(part) / len(batch))
                if loss.requires_grad:
                    self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        return torch.stack(losses).sum()

    def _halving_gradient(self, batch: Batch) -> torch.Tensor:
        """As `_gradient`, in more parts where memory runs out."""
        while True:
            before = _Drawn.by(self.model)
            try:
                return self._gradient(batch)
            except (RuntimeError, MemoryError) as error:
                if self.parts >= len(batch) or not is_out_of_memory(error):
                    raise
            # Only here, outside of the handler, has the failed pass released its memory.
            self.optimizer.zero_grad(set_to_none=True)
            before.restore(self.model)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.parts = min(2 * self.parts, len(batch))
            logger.warning(
                "out of memory: from now on each batch of %d is trained in %d parts (trainer.on_out_of_memory=halve); "
                "samples and gradients stay the same",
                len(batch),
                self.parts,
            )

    def _exchange(self, last: bool) -> AbstractContextManager[None]:
        """Processes that train together exchange gradients once for a batch, with its last part."""
        if last or not isinstance(self.model, DistributedDataParallel):
            return nullcontext()
        return self.model.no_sync()


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What a forward pass changes besides gradients: random states, and buffers such as running statistics."""

    cpu: torch.Tensor
    cuda: list[torch.Tensor]
    buffers: list[torch.Tensor]

    @classmethod
    def by(cls, model: nn.Module) -> _Drawn:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return cls(torch.get_rng_state(), cuda, [buffer.clone() for buffer in model.buffers()])

    def restore(self, model: nn.Module) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)
        for buffer, value in zip(model.buffers(), self.buffers, strict=True):
            buffer.copy_(value)
