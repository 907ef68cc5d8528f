"""Convolutional and logic LSTM over the slices of a stack (Shi et al., NeurIPS 2015; Kobold, thesis 2019).

As in Vargas-Ibarra et al., MIDL 2024, section 2.2.2. The gates are forget, input, output (sigmoid) and the
candidate (tanh), in this order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.pooling import transfer
from models.stack_planning import StackPlan

GATES = 4

State = tuple[Tensor, Tensor]


class CLSTMCell(nn.Module):
    """f, i, o = σ(L(c‖h‖x)), d = tanh(L(c‖h‖x)), c' = f∘c + i∘d, h' = o∘tanh(c') (MIDL 2024, equations 1-7).

    One w×w convolution gives all gates. It is linear, so its part that reads x is computed for all slices and both
    passes at once (`drive`), and only the part that reads c and h at every step.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.gates = nn.Conv2d(2 * hidden + inputs, GATES * hidden, kernel, padding=kernel // 2)

    def drive(self, x: Tensor) -> Tensor:
        """What the slices `[N, C, H, W]` contribute to the gates, with the biases: `[N, 4 hidden, H, W]`."""
        weight = self.gates.weight[:, 2 * self.hidden :]
        return F.conv2d(x, weight, self.gates.bias, padding=self.gates.padding)

    def forward(self, drive: Tensor, c: Tensor, h: Tensor) -> State:
        """The next cell and hidden state `[B, hidden, H, W]`."""
        weight = self.gates.weight[:, : 2 * self.hidden]
        logits = F.conv2d(torch.cat((c, h), 1), weight, padding=self.gates.padding) + drive
        return update(logits, c)


class LLSTMCell(nn.Module):
    """The CLSTM with each gate's convolution replaced by Logic (MIDL 2024, equations 8-12).

    The state is n_c convolution and n_l = k m logic channels: c = c1‖c2, h = h1‖h2. With A_c = c1‖h1‖x and
    A_l = c2‖h2, a gate is the nonlinearity of a1‖a2:

        a1 = L1(A_c) + L2(A_l),   a2 = L4(T(L3(A_c)) ‖ A_l)

    L1 and L3 are w×w convolutions, L2 (without bias) and L4 1×1, T is `models.pooling.transfer`.

    `convolution` holds L1 and L3 of all gates, `mix` L2, `logic` L4. The outputs of L3 are ordered by pooling window,
    then gate, then channel, so that channels of the same window lie together; all others by gate.
    """

    def __init__(
        self, inputs: int, conv_channels: int, windows: tuple[tuple[int, int], ...], multiplicity: int, kernel: int
    ) -> None:
        super().__init__()
        self.windows, self.multiplicity = windows, multiplicity
        self.n_c, self.n_l = conv_channels, len(windows) * multiplicity
        self.hidden = self.n_c + self.n_l
        outputs = GATES * self.hidden
        self.convolution = nn.Conv2d(2 * self.n_c + inputs, outputs, kernel, padding=kernel // 2)
        self.mix = nn.Conv2d(2 * self.n_l, GATES * self.n_c, 1, bias=False)
        self.logic = nn.Conv2d(3 * self.n_l, GATES * self.n_l, 1)

    def drive(self, x: Tensor) -> Tensor:
        """What the slices `[N, C, H, W]` contribute to L1 and L3, with the biases: `[N, 4 hidden, H, W]`."""
        weight = self.convolution.weight[:, 2 * self.n_c :]
        return F.conv2d(x, weight, self.convolution.bias, padding=self.convolution.padding)

    def forward(self, drive: Tensor, c: Tensor, h: Tensor) -> State:
        """The next cell and hidden state `[B, n_c + n_l, H, W]`."""
        c1, c2 = c.split((self.n_c, self.n_l), 1)
        h1, h2 = h.split((self.n_c, self.n_l), 1)
        weight = self.convolution.weight[:, : 2 * self.n_c]
        convolved = F.conv2d(torch.cat((c1, h1), 1), weight, padding=self.convolution.padding) + drive
        l1, l3 = convolved.split((GATES * self.n_c, GATES * self.n_l), 1)
        a_l = torch.cat((c2, h2), 1)
        a1 = l1 + F.conv2d(a_l, self.mix.weight)
        a2 = self._logic(l3, a_l)
        logits = torch.cat((a1.unflatten(1, (GATES, -1)), a2.unflatten(1, (GATES, -1))), 2)
        return update(logits.flatten(1, 2), c)

    def _logic(self, l3: Tensor, a_l: Tensor) -> Tensor:
        shape = (len(self.windows), GATES, self.multiplicity)
        pooled = transfer(l3.unflatten(1, shape).transpose(1, 2), self.windows).flatten(1, 3)
        of_pooled, of_state = self.logic.weight.split((self.n_l, 2 * self.n_l), 1)
        return F.conv2d(pooled, of_pooled, groups=GATES) + F.conv2d(a_l, of_state, self.logic.bias)


def update(logits: Tensor, c: Tensor) -> State:
    """The LSTM's new state from the gates before their nonlinearity `[B, 4 hidden, H, W]` and c."""
    forget, write, output, candidate = logits.chunk(GATES, 1)
    c = torch.addcmul(forget.sigmoid() * c, write.sigmoid(), candidate.tanh())
    return c, output.sigmoid() * c.tanh()


class RecurrentPart(nn.Module):
    """A stack's slices one after another through a cell, twice, and a 1×1 convolution of h to the classes.

    The first pass begins with zeros; the second begins with the first's last state and is what is predicted from
    (Kobold 2019). `second_pass=reverse` runs it from the last slice to the first, `none` predicts from the first.
    """

    def __init__(self, plan: StackPlan) -> None:
        super().__init__()
        self.second_pass, self.recompute = plan.second_pass, plan.recompute
        self.cell: CLSTMCell | LLSTMCell
        if plan.kind == "clstm":
            self.cell = CLSTMCell(plan.channels, plan.conv_channels, plan.kernel_size)
        else:
            self.cell = LLSTMCell(
                plan.channels, plan.conv_channels, plan.windows, plan.multiplicity, plan.kernel_size
            )
        self.classify = nn.Conv2d(self.cell.hidden, plan.n_classes, 1)

    def forward(self, x: Tensor, slices: int) -> Tensor:
        """Logits `[B * slices, K, H, W]` of features `[B * slices, C, H, W]`, sample by sample."""
        drives = self.cell.drive(x).unflatten(0, (-1, slices)).unbind(1)
        batch, _, *plane = drives[0].shape
        c = h = torch.zeros(batch, self.cell.hidden, *plane, dtype=drives[0].dtype, device=x.device)
        order = list(range(slices))
        hidden: dict[int, Tensor] = {}
        for turn in self._passes(order):
            for i in turn:
                c, h = self._step(drives[i], c, h)
                hidden[i] = h
        return self.classify(torch.stack([hidden[i] for i in order], 1).flatten(0, 1))

    def _passes(self, order: list[int]) -> list[list[int]]:
        if self.second_pass == "none":
            return [order]
        return [order, order if self.second_pass == "forward" else order[::-1]]

    def _step(self, drive: Tensor, c: Tensor, h: Tensor) -> State:
        if self.recompute and torch.is_grad_enabled():
            state: State = checkpoint(self.cell, drive, c, h, use_reentrant=False, preserve_rng_state=False)
            return state
        return self.cell(drive, c, h)
