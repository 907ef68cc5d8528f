"""One step of the logic LSTM, forward and backward, for `models.recurrent.LLSTMCell`.

What torch would make of the equations spends most of its time on memory: concatenations, fresh tensors, copies for
convolutions of few channels. Here every product is a matrix product of planes of pixels, `[channels, H W]`, into
memory that all steps share, and the backward pass computes again what the forward pass did not keep.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.pooling import Window, transfer, transfer_gradient
from models.scratch import Scratch

GATES = 4


@dataclass(frozen=True)
class LogicWeights:
    """The weights of a step as matrices.

    Attributes:
        state: the part of L1 and L3 that reads c1‖h1, `[4 (n_c + n_l), 2 n_c w²]`: the gates of L1, then L3's outputs
            by window, gate, channel.
        mixed: what reads A_l, `[4 (n_c + n_l), 2 n_l]`: of each gate L2, then L4.
        pooled: what reads T, of each gate, `[4, n_l, n_l]`.
        bias: of each gate, `[4 (n_c + n_l)]`: that of L4, and none of L1.
    """

    state: Tensor
    mixed: Tensor
    pooled: Tensor
    bias: Tensor


@dataclass(frozen=True)
class Layout:
    """The sizes of a step: n_c, the pooling windows, m, and the side w of the convolutions."""

    n_c: int
    windows: tuple[Window, ...]
    multiplicity: int
    kernel: int

    @property
    def n_l(self) -> int:
        """Logic channels."""
        return len(self.windows) * self.multiplicity


def logic_step(
    drive: Tensor, c: Tensor, h: Tensor, weights: LogicWeights, layout: Layout, scratch: Scratch, *, keep: bool
) -> tuple[Tensor, Tensor]:
    """The next cell and hidden state `[B, n_c + n_l, H, W]`.

    Args:
        drive: what x and the biases contribute to L1 and L3, `[B, 4 (n_c + n_l), H, W]`, ordered as
            `LogicWeights.state`.
        c: `[B, n_c + n_l, H, W]`.
        h: likewise.
        weights: in the type to compute in.
        layout: sizes.
        scratch: shared by all steps of a recurrence; none of it outlives a step.
        keep: memory for the backward pass, which then need not compute the gates again.
    """
    matrices = (weights.state, weights.mixed, weights.pooled, weights.bias)
    result: tuple[Tensor, Tensor] = _LogicStep.apply(drive, c, h, *matrices, layout, scratch, keep)  # type: ignore[no-untyped-call]
    return result


class _LogicStep(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        drive: Tensor,
        c: Tensor,
        h: Tensor,
        state: Tensor,
        mixed: Tensor,
        pooled: Tensor,
        bias: Tensor,
        layout: Layout,
        scratch: Scratch,
        keep: bool,
    ) -> tuple[Tensor, Tensor]:
        weights = LogicWeights(state, mixed, pooled, bias)
        step = _Step(layout, scratch, c, weights)
        gates = step.gates(drive, c, h, fresh=keep)
        forget, write, output, candidate = gates.unbind(1)
        new_c = (forget * c).addcmul_(write, candidate)
        new_h = output * new_c.tanh()
        return new_c, new_h
