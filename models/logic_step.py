"""One step of the logic LSTM, forward and backward, for `models.recurrent.LLSTMCell`.

What autograd makes of the equations spends most of its time on memory: concatenations, fresh tensors, other orders
for convolutions of few channels. Here each convolution is a matrix product of planes, `[channels, H W]`, intermediate
results lie in memory that all steps share, and the backward pass computes again what was not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.pooling import Window, transfer, transfer_gradient
from models.scratch import Scratch

GATES = 4  # forget, input, output, candidate


@dataclass(frozen=True)
class Layout:
    """The sizes of a step: n_c, the pooling windows, m, and w of the convolutions."""

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
        """Channels n of the state."""
        return self.n_c + self.n_l


class LogicWeights(NamedTuple):
    """The weights of a step as matrices, with n = n_c + n_l.

    Attributes:
        state: of L1 and L3 what reads c1‖h1, `[4 n, 2 n_c w²]`: L1 by gate, then L3 by window, gate, channel.
        mixed: what reads A_l, `[4 n, 2 n_l]`: by gate, L2 then L4.
        pooled: of L4 what reads the pooled L3, `[4, n_l, n_l]`, of each gate.
        bias: of L4, `[4, n_l]`.
    """

    state: Tensor
    mixed: Tensor
    pooled: Tensor
    bias: Tensor


def logic_step(
    drive: Tensor, c: Tensor, h: Tensor, weights: LogicWeights, layout: Layout, scratch: Scratch, *, keep: bool
) -> tuple[Tensor, Tensor]:
    """The next cell and hidden state `[B, n, H, W]`.

    Args:
        drive: of L1 and L3 what x and the biases give, `[B, 4 n, H, W]`, in the order of `LogicWeights.state`.
        c: `[B, n, H, W]`.
        h: likewise.
        weights: in the type that products are computed in.
        layout: sizes.
        scratch: shared by all steps of a recurrence; no result lies in it.
        keep: the gates and what led to them for the backward pass, which otherwise computes them again.
    """
    result: tuple[Tensor, Tensor] = _LogicStep.apply(drive, c, h, *weights, layout, scratch, keep)  # type: ignore[no-untyped-call]
    return result


class _LogicStep(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, drive: Tensor, c: Tensor, h: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
        weights, (layout, scratch, keep) = LogicWeights(*rest[:4]), rest[4:]
        memory = Scratch(c.device) if keep else scratch
        gates = _gates(drive, _operands(c, h, weights, layout, scratch), weights, layout, memory, scratch)
        forget, write, output, candidate = gates.gates.unbind(1)
        new_c = (forget * c).addcmul_(write, candidate)
        ctx.save_for_backward(drive, c, h, new_c, *weights, *(gates if keep else ()))
        ctx.settings = layout, scratch
        return new_c, output * torch.tanh(new_c)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_c: Tensor, grad_h: Tensor) -> tuple[Tensor | None, ...]:
        drive, c, h, new_c, *saved = ctx.saved_tensors
        weights, (layout, scratch) = LogicWeights(*saved[:4]), ctx.settings
        operands = _operands(c, h, weights, layout, scratch)
        if kept := saved[4:]:
            forward = _Gates(*kept)
        else:
            forward = _gates(drive, operands, weights, layout, scratch, scratch)
        grad_c, grad_gates = _update_gradient(grad_c, grad_h, c, new_c, forward.gates, scratch)
        return _logic_gradient(grad_c, grad_gates, operands, forward, weights, layout, scratch)


class _Operands(NamedTuple):
    """What the matrices are multiplied with: the w×w neighbourhoods of c1‖h1, and A_l = c2‖h2."""

    columns: Tensor  # [B, 2, n_c, w, w, H, W]
    a_l: Tensor  # [B, 2, n_l, H, W]


class _Gates(NamedTuple):
    """The gates and what led to them."""

    convolved: Tensor  # [B, 4 n, H, W]: L1 and L3
    pooled: Tensor  # [B, 4, k, m, H, W]
    gates: Tensor  # [B, 4, n, H, W], after their nonlinearity


def _operands(c: Tensor, h: Tensor, weights: LogicWeights, layout: Layout, scratch: Scratch) -> _Operands:
    batch, _, *plane = c.shape
    dtype, n_c, w = weights.state.dtype, layout.n_c, layout.kernel
    columns = scratch.take("columns", (batch, 2, n_c, w, w, *plane), dtype, zeros=True)
    a_l = scratch.take("a_l", (batch, 2, layout.n_l, *plane), dtype)
    for i, x in enumerate((c, h)):
        for tap, inside, source in _taps(w, plane):
            columns[:, i, :, *tap, *inside] = x[:, :n_c, *source]
        a_l[:, i] = x[:, n_c:]
    return _Operands(columns, a_l)


def _taps(kernel: int, plane: Sequence[int]) -> Iterator[tuple[tuple[int, int], tuple[slice, ...], tuple[slice, ...]]]:
    """Of each tap of a convolution, the pixels it has something to say to, and those it reads for them."""
    for tap in product(range(kernel), repeat=2):
        shifts = [index - kernel // 2 for index in tap]
        if all(abs(shift) < edge for shift, edge in zip(shifts, plane, strict=True)):
            sides = list(zip(shifts, plane, strict=True))
            inside = tuple(slice(max(0, -shift), min(edge, edge - shift)) for shift, edge in sides)
            source = tuple(slice(max(0, shift), min(edge, edge + shift)) for shift, edge in sides)
            yield tap, inside, source


def _gates(
    drive: Tensor, operands: _Operands, weights: LogicWeights, layout: Layout, memory: Scratch, scratch: Scratch
) -> _Gates:
    batch, channels, *plane = drive.shape
    dtype, n_c, windows = weights.state.dtype, layout.n_c, layout.windows
    convolved = memory.take("convolved", (batch, channels, *plane), dtype)
    torch.baddbmm(
        drive.flatten(2), _each(weights.state, batch), _planes(operands.columns), out=_planes(convolved)
    )
    by_window, by_gate = _by_window(convolved, layout)
    pooled = memory.take("pooled", (batch, GATES, len(windows), layout.multiplicity, *plane), dtype)
    transfer(by_window, windows, pooled, scratch)
    gates = memory.take("gates", (batch, GATES, layout.hidden, *plane), dtype)
    torch.bmm(_each(weights.mixed, batch), _planes(operands.a_l), out=gates.view(batch, channels, -1))
    gates[:, :, :n_c] += by_gate
    gates[:, :, n_c:] += weights.bias[:, :, None, None]
    for gate in range(GATES):
        logic = gates[:, gate, n_c:].flatten(2)
        logic.baddbmm_(_each(weights.pooled[gate], batch), pooled[:, gate].flatten(1, 2).flatten(2))
    gates[:, :3].sigmoid_()
    gates[:, 3].tanh_()
    return _Gates(convolved, pooled, gates)


def _update_gradient(
    grad_c: Tensor, grad_h: Tensor, c: Tensor, new_c: Tensor, gates: Tensor, scratch: Scratch
) -> tuple[Tensor, Tensor]:
    """Gradients of c, as far as it goes through c' = f∘c + i∘d, and of the gates before their nonlinearity."""
    forget, write, output, candidate = gates.unbind(1)
    squashed = new_c.tanh()
    grad_gates = scratch.take("gradient of gates", tuple(gates.shape), gates.dtype)
    sigmoid, tanh = torch.ops.aten.sigmoid_backward.grad_input, torch.ops.aten.tanh_backward
    sigmoid(grad_h * squashed, output, grad_input=grad_gates[:, 2])
    grad_c = grad_c + tanh(grad_h * output, squashed)
    sigmoid(grad_c * c, forget, grad_input=grad_gates[:, 0])
    sigmoid(grad_c * candidate, write, grad_input=grad_gates[:, 1])
    tanh.grad_input(grad_c * write, candidate, grad_input=grad_gates[:, 3])
    return grad_c.mul_(forget), grad_gates


def _logic_gradient(
    grad_c: Tensor,
    grad_gates: Tensor,
    operands: _Operands,
    forward: _Gates,
    weights: LogicWeights,
    layout: Layout,
    scratch: Scratch,
) -> tuple[Tensor | None, ...]:
    """Gradients of all arguments of `_LogicStep.forward`; `grad_c` is added to."""
    batch, _, *plane = grad_c.shape
    n_c, n_l, dtype = layout.n_c, layout.n_l, weights.state.dtype
    grad_h = torch.empty_like(grad_c)
    flat = grad_gates.view(batch, GATES * layout.hidden, -1)

    grad_mixed = torch.bmm(flat, _planes(operands.a_l).mT).sum(0)
    grad_a_l = scratch.take("gradient of a_l", tuple(operands.a_l.shape), dtype)
    torch.bmm(_each(weights.mixed.T, batch), flat, out=_planes(grad_a_l))
    grad_c[:, n_c:] += grad_a_l[:, 0]
    grad_h[:, n_c:] = grad_a_l[:, 1]

    grad_bias = grad_gates[:, :, n_c:].sum((0, 3, 4))
    grad_pooled = scratch.take("gradient of pooled", tuple(forward.pooled.shape), dtype)
    grad_matrices = []
    for gate in range(GATES):
        of_logic = grad_gates[:, gate, n_c:].flatten(2)
        grad_matrices.append(torch.bmm(of_logic, forward.pooled[:, gate].view(batch, n_l, -1).mT).sum(0))
        out = grad_pooled[:, gate].view(batch, n_l, -1)
        torch.bmm(_each(weights.pooled[gate].T, batch), of_logic, out=out)

    grad_drive = torch.empty_like(forward.convolved)
    by_window, by_gate = _by_window(grad_drive, layout)
    by_gate.copy_(grad_gates[:, :, :n_c])
    transfer_gradient(_by_window(forward.convolved, layout)[0], layout.windows, grad_pooled, by_window, scratch)

    grad_state = torch.bmm(_planes(grad_drive), _planes(operands.columns).mT).sum(0)
    grad_columns = scratch.take("gradient of columns", tuple(operands.columns.shape), dtype)
    torch.bmm(_each(weights.state.T, batch), _planes(grad_drive), out=_planes(grad_columns))
    grad_h[:, :n_c] = 0
    for i, grad in enumerate((grad_c, grad_h)):
        for tap, inside, source in _taps(layout.kernel, plane):
            grad[:, :n_c, *source] += grad_columns[:, i, :, *tap, *inside]
    grad_weights = grad_state, grad_mixed, torch.stack(grad_matrices), grad_bias
    return grad_drive, grad_c, grad_h, *grad_weights, None, None, None


def _each(matrix: Tensor, batch: int) -> Tensor:
    return matrix.expand(batch, *matrix.shape)


def _planes(x: Tensor) -> Tensor:
    """`[B, ..., H, W]`, contiguous, as matrices `[B, channels, H W]`."""
    return x.view(len(x), -1, x.shape[-2] * x.shape[-1])


def _by_window(convolved: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """L3 as `[B, 4, k, m, H, W]` and L1 as `[B, 4, n_c, H, W]`, both where they lie."""
    l1, l3 = convolved.split((GATES * layout.n_c, GATES * layout.n_l), 1)
    windows = l3.unflatten(1, (len(layout.windows), GATES, layout.multiplicity))
    return windows.transpose(1, 2), l1.unflatten(1, (GATES, layout.n_c))
