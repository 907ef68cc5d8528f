"""Convolutional and logic LSTM over the slices of a stack (Shi et al., NeurIPS 2015; Kobold, thesis 2019).

As in Vargas-Ibarra et al., MIDL 2024, section 2.2.2. The gates are forget, input, output (sigmoid) and the
candidate (tanh), in this order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.logic_step import GATES, Layout, LogicWeights, logic_step
from models.scratch import Scratch
from models.stack_planning import StackPlan

State = tuple[Tensor, Tensor]
Step = Callable[[Tensor, Tensor, Tensor], State]


class CLSTMCell(nn.Module):
    """f, i, o = σ(L(c‖h‖x)), d = tanh(L(c‖h‖x)), c' = f∘c + i∘d, h' = o∘tanh(c') (MIDL 2024, equations 1-7).

    One w×w convolution gives all gates. It is linear, so that its part that reads x is computed for all slices and
    both passes at once (`drive`), and at every step only the part that reads c and h.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(2 * hidden + inputs, GATES * hidden, kernel, padding=kernel // 2)

    def drive(self, x: Tensor) -> Tensor:
        """What the slices `[N, C, H, W]` and the biases contribute to the gates: `[N, 4 hidden, H, W]`."""
        weight = self.gates.weight[:, 2 * self.hidden :]
        return F.conv2d(x, weight, self.gates.bias, padding=self.gates.padding)

    def begin(self, device: torch.device, *, recompute: bool) -> Step:
        """One step of a recurrence, (drive, c, h) to the next (c, h); the states are `[B, hidden, H, W]`."""
        weight = self.gates.weight[:, : 2 * self.hidden]

        def step(drive: Tensor, c: Tensor, h: Tensor) -> State:
            gates = F.conv2d(torch.cat((c, h), 1), weight, padding=self.gates.padding) + drive
            forget, write, output, candidate = gates.chunk(GATES, 1)
            c = torch.addcmul(forget.sigmoid() * c, write.sigmoid(), candidate.tanh())
            return c, output.sigmoid() * c.tanh()

        if not (recompute and torch.is_grad_enabled()):
            return step
        return partial(checkpoint, step, use_reentrant=False, preserve_rng_state=False)


class LLSTMCell(nn.Module):
    """The CLSTM with each gate's convolution replaced by Logic (MIDL 2024, equations 8-12).

    The state has n_c convolution and n_l = k m logic channels: c = c1‖c2, h = h1‖h2. With A_c = c1‖h1‖x and
    A_l = c2‖h2, a gate is the nonlinearity of a1‖a2:

        a1 = L1(A_c) + L2(A_l),   a2 = L4(T(L3(A_c)) ‖ A_l)

    L1 and L3 are w×w convolutions, L2 (without bias) and L4 1×1, T is `models.pooling`. The part of L1 and L3 that
    reads x is computed for all slices and both passes at once (`drive`).

    `convolution` holds L1 of all gates, then L3, whose outputs are ordered by pooling window, gate, channel;
    `mix` holds L2 and `logic` L4, by gate.
    """

    def __init__(self, inputs: int, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        n_c, n_l = layout.n_c, layout.n_l
        self.hidden = n_c + n_l
        padding = layout.kernel // 2
        self.convolution = nn.Conv2d(2 * n_c + inputs, GATES * self.hidden, layout.kernel, padding=padding)
        self.mix = nn.Conv2d(2 * n_l, GATES * n_c, 1, bias=False)
        self.logic = nn.Conv2d(3 * n_l, GATES * n_l, 1)

    def drive(self, x: Tensor) -> Tensor:
        """What the slices `[N, C, H, W]` and the biases contribute to L1 and L3: `[N, 4 (n_c + n_l), H, W]`."""
        weight = self.convolution.weight[:, 2 * self.layout.n_c :]
        return F.conv2d(x, weight, self.convolution.bias, padding=self.convolution.padding)

    def begin(self, device: torch.device, *, recompute: bool) -> Step:
        """One step of a recurrence, (drive, c, h) to the next (c, h); the states are `[B, n_c + n_l, H, W]`."""
        n_l = self.layout.n_l
        of_pooled, of_state = self.logic.weight.flatten(1).unflatten(0, (GATES, n_l)).split((n_l, 2 * n_l), 2)
        mixed = torch.cat((self.mix.weight.flatten(1).unflatten(0, (GATES, -1)), of_state), 1).flatten(0, 1)
        state = self.convolution.weight[:, : 2 * self.layout.n_c].flatten(1)
        assert self.logic.bias is not None
        bias = self.logic.bias.view(GATES, n_l)
        dtype = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else state.dtype
        weights = LogicWeights(*(weight.to(dtype) for weight in (state, mixed, of_pooled, bias)))
        return partial(
            logic_step, weights=weights, layout=self.layout, scratch=Scratch(device), keep=not recompute
        )


class RecurrentPart(nn.Module):
    """A stack's slices one after another through a cell, twice, and a 1×1 convolution of h to the classes.

    The first pass begins with zeros; the second begins with the first's last state, and its h is what is predicted
    from (Kobold 2019). `second_pass=reverse` runs it from the last slice to the first, `none` predicts from the
    first pass.
    """

    def __init__(self, plan: StackPlan) -> None:
        super().__init__()
        self.second_pass, self.recompute = plan.second_pass, plan.recompute
        self.cell: CLSTMCell | LLSTMCell
        if plan.kind == "clstm":
            self.cell = CLSTMCell(plan.channels, plan.conv_channels, plan.kernel_size)
        else:
            layout = Layout(plan.conv_channels, plan.windows, plan.multiplicity, plan.kernel_size)
            self.cell = LLSTMCell(plan.channels, layout)
        self.classify = nn.Conv2d(self.cell.hidden, plan.n_classes, 1)

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """Logits `[B * slices, K, H, W]` of features `[B * slices, C, H, W]`, sample by sample."""
        drives = self.cell.drive(x).contiguous().unflatten(0, (-1, slices)).unbind(1)
        batch, _, *plane = drives[0].shape
        step = self.cell.begin(x.device, recompute=self.recompute)
        c = h = x.new_zeros(batch, self.cell.hidden, *plane, dtype=self.classify.weight.dtype)
        hidden = [h] * slices
        for i in self._order(slices):
            c, h = step(drives[i], c, h)
            hidden[i] = h
        logits: Tensor = self.classify(torch.stack(hidden, 1).flatten(0, 1))
        return logits

    def _order(self, slices: int) -> list[int]:
        first = list(range(slices))
        return first + {"forward": first, "reverse": first[::-1], "none": []}[self.second_pass]
