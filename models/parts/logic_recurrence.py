"""The logic LSTM over a stack of slices, forward and backward, for `models.parts.recurrent.LLSTMCell`.

Under autograd the equations spend most of their time on memory: concatenations, fresh tensors, reordering for
convolutions of few channels. Here all steps share their buffers (`models.parts.logic_step`), and the backward pass
computes again whatever was not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.parts.logic_layout import GATES, Kept, Layout, LogicWeights
from models.parts.logic_step import LogicStep


def logic_recurrence(
    x: Tensor, order: Sequence[int], weights: LogicWeights, layout: Layout, *, recompute: bool
) -> Tensor:
    """The hidden state `[B, S, n, H, W]` at the last visit of each slice, in single precision or better.

    Args:
        x: `[B, S, C, H, W]` in the type of the weights.
        order: slices as they are visited, each at least once.
        weights: in the type in which products are computed.
        layout: sizes.
        recompute: keep only the states, and compute the gates again in the backward pass.
    """
    learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *weights))
    settings = _Settings(tuple(order), layout, learning, keep_gates=learning and not recompute)
    result: Tensor = _Recurrence.apply(x, *weights, settings)  # type: ignore[no-untyped-call]
    return result


@dataclass(frozen=True)
class _Settings:
    order: tuple[int, ...]
    layout: Layout
    learning: bool
    keep_gates: bool

    def is_last_visit(self, step: int) -> bool:
        return self.order[step] not in self.order[step + 1 :]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *rest: Any) -> Tensor:
        weights, settings = LogicWeights(*rest[:-1]), rest[-1]
        layout, steps = settings.layout, len(settings.order)
        batch, slices, _, *plane = x.shape
        drives = x.new_empty(batch, slices, GATES * layout.hidden, *plane)
        for i in range(slices):
            drives[:, i] = F.conv2d(x[:, i], weights.x, weights.x_bias, padding=layout.kernel // 2)
        wide = torch.promote_types(x.dtype, torch.float32)
        shape = (batch, 2, layout.hidden, *plane)
        states = x.new_empty(steps + 1 if settings.learning else 2, *shape, dtype=wide)
        states[0] = 0
        hidden = x.new_empty(batch, slices, layout.hidden, *plane, dtype=wide)
        step = LogicStep(weights, layout, plane)
        kept: list[Tensor] = []
        for t, i in enumerate(settings.order):
            keep = _to_keep(drives[:, i], layout) if settings.keep_gates else None
            new_state = states[(t + 1) % len(states)]
            step.forward(drives[:, i], states[t % len(states)], new_state, keep)
            kept += keep or ()
            if settings.is_last_visit(t):
                hidden[:, i] = new_state[:, 1]
        if settings.learning:
            ctx.save_for_backward(x, drives, states, *weights, *kept)
            ctx.settings = settings
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, drives, states, *saved = ctx.saved_tensors
        settings, weights = ctx.settings, LogicWeights(*saved[:6])
        kept = [Kept(*saved[t : t + 3]) for t in range(6, len(saved), 3)]
        grads = LogicWeights(*(torch.zeros_like(weight, dtype=states.dtype) for weight in weights))
        grad_drives, another = torch.empty_like(drives), torch.empty_like(drives[:, 0])
        grad_state = torch.zeros_like(states[0])
        step = LogicStep(weights, settings.layout, x.shape[-2:])
        for t, i in reversed(list(enumerate(settings.order))):
            last = settings.is_last_visit(t)
            if last:
                grad_state[:, 1].add_(gradient[:, i])  # `+=` on a part of a tensor would copy it onto itself
            grad_drive = grad_drives[:, i] if last else another
            keep = kept[t] if kept else None
            step.backward(drives[:, i], states[t], states[t + 1], keep, grad_state, grad_drive, grads)
            if not last:
                grad_drives[:, i].add_(another)
        grad_x = torch.empty_like(x)
        for i in range(x.shape[1]):
            grad_x[:, i] = _through_drive(x[:, i], grad_drives[:, i], weights, grads)
        of_weights = (grad.to(weight.dtype) for grad, weight in zip(grads, weights, strict=True))
        return grad_x, *of_weights, None


def _to_keep(drive: Tensor, layout: Layout) -> Kept:
    batch, channels, height, width = drive.shape
    return Kept(
        drive.new_empty(batch, channels, height * width),
        drive.new_empty(batch, GATES, layout.n_l, height * width),
        drive.new_empty(batch, GATES, layout.hidden, height * width),
    )


def _through_drive(x: Tensor, gradient: Tensor, weights: LogicWeights, grads: LogicWeights) -> Tensor:
    """The gradient of a slice; adds the gradients of the weights that read it to `grads`."""
    if x.device.type == "cpu":
        gradient = gradient.contiguous(memory_format=torch.channels_last)
    padding, bias = [weights.x.shape[-1] // 2] * 2, [len(weights.x_bias)]
    grad_x: Tensor
    grad_x, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
        gradient, x, weights.x, bias, [1, 1], padding, [1, 1], False, [0, 0], 1, [True, True, True]
    )
    grads.x.add_(grad_weight)
    grads.x_bias.add_(grad_bias)
    return grad_x
