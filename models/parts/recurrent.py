"""Convolutional and logic LSTM over the slices of a stack (Shi et al., NeurIPS 2015; Kobold, thesis 2019).

As in Vargas-Ibarra et al., MIDL 2024, section 2.2.2. The gates are forget, input, output (sigmoid) and the
candidate (tanh), in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.parts.logic_layout import GATES, Layout, LogicWeights
from models.parts.logic_recurrence import logic_recurrence


class CLSTMCell(nn.Module):
    """f, i, o = σ(L(c‖h‖x)), d = tanh(L(c‖h‖x)), c' = f∘c + i∘d, h' = o∘tanh(c') (MIDL 2024, equations 1-7).

    One w×w convolution gives all gates. It is linear, so that the part that reads x is computed for all slices and
    both passes at once, and each step computes only the part that reads c and h.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(2 * hidden + inputs, GATES * hidden, kernel, padding=kernel // 2)

    def forward(self, x: Tensor, order: Sequence[int], *, recompute: bool) -> Tensor:
        """The hidden state `[B, S, hidden, H, W]` at the last visit of each slice.

        Args:
            x: `[B, S, C, H, W]`.
            order: slices as they are visited, each at least once.
            recompute: keep only the states in training, and compute the gates again in the backward pass.
        """
        of_state, of_x = self.gates.weight[:, : 2 * self.hidden], self.gates.weight[:, 2 * self.hidden :]
        padding = self.gates.padding
        drives = F.conv2d(x.flatten(0, 1), of_x, self.gates.bias, padding=padding)
        each = drives.view(*x.shape[:2], *drives.shape[1:]).unbind(1)

        def step(drive: Tensor, c: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            gates = F.conv2d(torch.cat((c, h), 1), of_state, padding=padding) + drive
            forget, write, output, candidate = gates.chunk(GATES, 1)
            c = torch.addcmul(forget.sigmoid() * c, write.sigmoid(), candidate.tanh())
            return c, output.sigmoid() * c.tanh()

        if recompute and torch.is_grad_enabled():
            step = partial(checkpoint, step, use_reentrant=False, preserve_rng_state=False)
        c = h = torch.zeros_like(each[0][:, : self.hidden])
        hidden = [h] * len(each)
        for i in order:
            c, h = step(each[i], c, h)
            hidden[i] = h
        return torch.stack(hidden, 1)


class LLSTMCell(nn.Module):
    """The CLSTM with each gate's convolution replaced by Logic (MIDL 2024, equations 8-12).

    The state has n_c convolution and n_l = k m logic channels: c = c1‖c2, h = h1‖h2. With A_c = c1‖h1‖x and
    A_l = c2‖h2, a gate is the nonlinearity of a1‖a2:

        a1 = L1(A_c) + L2(A_l),   a2 = L4(T(L3(A_c)) ‖ A_l)

    L1 and L3 are w×w convolutions, L2 (without bias) and L4 are 1×1, T is `models.parts.pooling`.

    `convolution` holds L1 of all gates, then L3, with outputs ordered by pooling window, gate, channel; `mix` holds
    L2 and `logic` holds L4, by gate.
    """

    def __init__(self, inputs: int, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        self.hidden = layout.hidden
        self.convolution = nn.Conv2d(2 * layout.n_c + inputs, GATES * layout.hidden, layout.kernel)
        self.mix = nn.Conv2d(2 * layout.n_l, GATES * layout.n_c, 1, bias=False)
        self.logic = nn.Conv2d(3 * layout.n_l, GATES * layout.n_l, 1)

    def forward(self, x: Tensor, order: Sequence[int], *, recompute: bool) -> Tensor:
        """The hidden state `[B, S, n_c + n_l, H, W]` at the last visit of each slice; arguments as in `CLSTMCell`."""
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        weights = LogicWeights(*(weight.to(dtype) for weight in self._weights()))
        return logic_recurrence(x.to(dtype), order, weights, self.layout, recompute=recompute)

    def _weights(self) -> LogicWeights:
        n_c, n_l = self.layout.n_c, self.layout.n_l
        convolution = self.convolution.weight
        mix = self.mix.weight.view(GATES, n_c, 2 * n_l)
        logic = self.logic.weight.view(GATES, n_l, 3 * n_l)
        return LogicWeights(
            x=convolution[:, 2 * n_c :],
            x_bias=self.convolution.get_parameter("bias"),
            state=convolution[:, : 2 * n_c].flatten(1),
            mixed=torch.cat((mix, logic[:, :, n_l:]), 1).flatten(0, 1),
            pooled=logic[:, :, :n_l],
            bias=self.logic.get_parameter("bias").view(GATES, n_l),
        )
