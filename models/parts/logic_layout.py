"""Sizes, weights and kept tensors of the logic LSTM, for `models.parts.logic_step` and `logic_recurrence`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from models.parts.pooling import Window

GATES = 4  # forget, input, output, candidate


@dataclass(frozen=True)
class Layout:
    """The sizes of a step.

    Attributes:
        n_c: convolution channels.
        windows: (height, width) of the k pooling windows.
        multiplicity: m, logic channels of each window.
        kernel: w, side of the convolutions' kernels.
    """

    n_c: int
    windows: tuple[Window, ...]
    multiplicity: int
    kernel: int

    @property
    def n_l(self) -> int:
        """Logic channels, k m."""
        return len(self.windows) * self.multiplicity

    @property
    def hidden(self) -> int:
        """Channels n of c and of h."""
        return self.n_c + self.n_l


class LogicWeights(NamedTuple):
    """The weights as a step reads them, with n = n_c + n_l.

    Attributes:
        x: the parts of L1 and L3 that read x, `[4 n, C, w, w]`: L1 by gate, then L3 by window, gate, channel.
        x_bias: biases of L1 and L3, `[4 n]`.
        state: the parts of L1 and L3 that read c1‖h1, `[4 n, 2 n_c w²]`, rows as in `x`.
        mixed: the weights that read A_l, `[4 n, 2 n_l]`: by gate, L2 then L4.
        pooled: the part of L4 that reads T(L3), `[4, n_l, n_l]`, by gate.
        bias: of L4, `[4, n_l]`.
    """

    x: Tensor
    x_bias: Tensor
    state: Tensor
    mixed: Tensor
    pooled: Tensor
    bias: Tensor


class Kept(NamedTuple):
    """What a backward pass needs of the forward pass; without it, the backward pass computes it again.

    Attributes:
        convolved: L1 and L3, `[B, 4 n, H W]`, rows as in `LogicWeights.x`.
        pooled: T(L3), `[B, 4, n_l, H W]`.
        gates: after their nonlinearity, `[B, 4, n, H W]`.
    """

    convolved: Tensor
    pooled: Tensor
    gates: Tensor
