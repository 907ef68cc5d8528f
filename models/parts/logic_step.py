"""One step of the logic LSTM, forward and backward, for `models.parts.logic_recurrence`.

Planes of pixels are rows of matrices, `[B, channels, H W]`, so that every convolution of the state is a matrix
product. Operations that read only a pixel and its neighbours run in strips of rows that stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from models.parts.logic_layout import GATES, Kept, Layout, LogicWeights
from models.parts.pooling import transfer, transfer_gradient
from models.parts.scratch import Scratch

STRIP = 8192  # pixels of a strip on a CPU: the gates of one take 4 MB


class LogicStep:
    """Steps with the same weights; buffers are reused, and only the outputs that a caller passes persist.

    A state is c and h, `[B, 2, n, H, W]`, in single precision or better.

    Args:
        weights: in the type in which products are computed.
        layout: sizes.
        plane: H and W.
    """

    def __init__(self, weights: LogicWeights, layout: Layout, plane: Sequence[int]) -> None:
        self.weights, self.layout = weights, layout
        self.height, self.width = plane
        self.scratch = Scratch(weights.x.device)
        on_cpu = weights.x.device.type == "cpu"
        rows = max(1, STRIP // self.width) if on_cpu else self.height
        self.strips = [(y, min(y + rows, self.height)) for y in range(0, self.height, rows)]

    def forward(self, drive: Tensor, state: Tensor, new_state: Tensor, kept: Kept | None) -> None:
        """Write the next state.

        Args:
            drive: the part of L1 and L3 that x and the biases give, `[B, 4 n, H, W]`, rows as in `LogicWeights.x`.
            state: the state before the step.
            new_state: output, the state after the step.
            kept: output, or None to keep nothing.
        """
        convolved, pooled = self._convolve(drive, state, kept)
        c, new = state[:, 0].flatten(2), new_state.flatten(3)
        for strip in self.strips:
            pixels = self._pixels(strip)
            gates = self._gates(strip, self._a_l(strip, state), convolved, pooled)
            forget, write, output, candidate = gates.unbind(1)
            new_c, new_h = new[..., pixels].unbind(1)
            torch.mul(forget, c[..., pixels], out=new_c).addcmul_(write, candidate)
            torch.mul(output, torch.tanh(new_c, out=self.scratch.like("squashed", new_c)), out=new_h)
            if kept is not None:
                kept.gates[..., pixels] = gates

    def backward(
        self,
        drive: Tensor,
        state: Tensor,
        new_state: Tensor,
        kept: Kept | None,
        grad_state: Tensor,
        grad_drive: Tensor,
        grads: LogicWeights,
    ) -> None:
        """Compute the gradients of a step.

        Args:
            drive: as in `forward`.
            state: as in `forward`.
            new_state: as `forward` wrote it.
            kept: as `forward` wrote it, or None.
            grad_state: gradient of the new state; turned in place into that of `state`.
            grad_drive: output, `[B, 4 n, H, W]`.
            grads: gradients of the weights that read the state; added to.
        """
        convolved, pooled = (
            self._convolve(drive, state, None) if kept is None else (kept.convolved, kept.pooled)
        )
        gates = None if kept is None else kept.gates
        by_plane = grad_drive.flatten(2)
        grad_l1, grad_l3, l3 = self._l1(by_plane), self._l3(by_plane), self._l3(convolved)
        grad_pooled = self.scratch.like("gradient of pooled", pooled)
        for strip in self.strips:
            pixels = self._pixels(strip)
            a_l = self._a_l(strip, state)
            its_gates = self._gates(strip, a_l, convolved, pooled) if gates is None else gates[..., pixels]
            grad_gates = self._through_update(pixels, state, new_state, its_gates, grad_state)
            grad_l1[..., pixels] = grad_gates[:, :, : self.layout.n_c]
            self._through_logic(pixels, grad_gates, a_l, pooled, grad_state, grad_pooled, grads)
        transfer_gradient(l3, self.layout.windows, grad_pooled.view(l3.shape), grad_l3, self.scratch)
        for strip in self.strips:
            self._through_convolution(strip, state, by_plane, grad_state, grads)

    def _pixels(self, strip: tuple[int, int]) -> slice:
        return slice(strip[0] * self.width, strip[1] * self.width)

    def _convolve(self, drive: Tensor, state: Tensor, kept: Kept | None) -> tuple[Tensor, Tensor]:
        """L1 and L3 of a whole image, and T(L3)."""
        batch, channels = drive.shape[:2]
        dtype, pixels = drive.dtype, self.height * self.width
        if kept is None:
            convolved = self.scratch.take("convolved", (batch, channels, pixels), dtype)
            pooled = self.scratch.take("pooled", (batch, GATES, self.layout.n_l, pixels), dtype)
        else:
            convolved, pooled, _ = kept
        of_x = drive.flatten(2)
        for strip in self.strips:
            its = self._pixels(strip)
            columns = self._columns(strip, state).flatten(1, 4).flatten(2)
            torch.baddbmm(of_x[..., its], _each(self.weights.state, batch), columns, out=convolved[..., its])
        l3 = self._l3(convolved)
        transfer(l3, self.layout.windows, pooled.view(l3.shape), self.scratch)
        return convolved, pooled

    def _columns(self, strip: tuple[int, int], state: Tensor) -> Tensor:
        """The w×w neighbourhoods of c1‖h1, `[B, 2, n_c, w, w, rows, W]`, zeros beyond the edges of the image.

        The zeros are never overwritten, because strips that reach beyond an edge have buffers of their own.
        """
        n_c, w = self.layout.n_c, self.layout.kernel
        shape = (len(state), 2, n_c, w, w, strip[1] - strip[0], self.width)
        beyond = strip[0] < w // 2 or strip[1] + w // 2 > self.height
        columns = self.scratch.take(f"columns {strip if beyond else ''}", shape, self.weights.state.dtype)
        for tap, inside, source in self._taps(strip):
            columns[:, :, :, *tap, *inside] = state[:, :, :n_c, *source]
        return columns

    def _taps(self, strip: tuple[int, int]) -> Iterator[tuple[Any, Any, Any]]:
        """For each tap of the convolution: the strip's pixels that have this neighbour, and the neighbours' place."""
        for tap in product(range(self.layout.kernel), repeat=2):
            down, right = (index - self.layout.kernel // 2 for index in tap)
            top, bottom = max(strip[0], -down), min(strip[1], self.height - down)
            left, end = max(0, -right), min(self.width, self.width - right)
            if top < bottom and left < end:
                inside = slice(top - strip[0], bottom - strip[0]), slice(left, end)
                yield tap, inside, (slice(top + down, bottom + down), slice(left + right, end + right))

    def _a_l(self, strip: tuple[int, int], state: Tensor) -> Tensor:
        """A_l = c2‖h2, `[B, 2 n_l, pixels]`."""
        source = state[:, :, self.layout.n_c :].flatten(3)[..., self._pixels(strip)]
        return self._copy("a_l", source).flatten(1, 2)

    def _gates(self, strip: tuple[int, int], a_l: Tensor, convolved: Tensor, pooled: Tensor) -> Tensor:
        """The gates `[B, 4, n, pixels]`."""
        batch, _, length = a_l.shape
        pixels, n_c = self._pixels(strip), self.layout.n_c
        gates = self.scratch.take("gates", (batch, GATES, self.layout.hidden, length), a_l.dtype)
        torch.bmm(_each(self.weights.mixed, batch), a_l, out=gates.flatten(1, 2))
        gates[:, :, :n_c].add_(self._l1(convolved)[..., pixels])
        gates[:, :, n_c:].add_(self.weights.bias[..., None])
        for gate in range(GATES):
            logic, weight = gates[:, gate, n_c:], _each(self.weights.pooled[gate], batch)
            torch.baddbmm(logic, weight, pooled[:, gate, :, pixels], out=logic)
        gates[:, :3].sigmoid_()
        gates[:, 3].tanh_()
        return gates

    def _through_update(
        self, pixels: slice, state: Tensor, new_state: Tensor, gates: Tensor, grad_state: Tensor
    ) -> Tensor:
        """Gradient of the gates before their nonlinearity; `grad_state` then holds that of c through f∘c."""
        c, new_c = state[:, 0].flatten(2)[..., pixels], new_state[:, 0].flatten(2)[..., pixels]
        grad_c, grad_h = grad_state.flatten(3)[..., pixels].unbind(1)
        forget, write, output, candidate = gates.unbind(1)
        grads = self.scratch.like("gradient of gates", gates)
        part = self.scratch.like("part", c)
        squashed = torch.tanh(new_c, out=self.scratch.like("squashed", new_c))
        sigmoid, tanh = torch.ops.aten.sigmoid_backward.grad_input, torch.ops.aten.tanh_backward.grad_input
        sigmoid(torch.mul(grad_h, squashed, out=part), output, grad_input=grads[:, 2])
        grad_c += tanh(torch.mul(grad_h, output, out=part), squashed, grad_input=part)
        sigmoid(torch.mul(grad_c, c, out=part), forget, grad_input=grads[:, 0])
        sigmoid(torch.mul(grad_c, candidate, out=part), write, grad_input=grads[:, 1])
        tanh(torch.mul(grad_c, write, out=part), candidate, grad_input=grads[:, 3])
        grad_c *= forget
        return grads

    def _through_logic(
        self,
        pixels: slice,
        grad_gates: Tensor,
        a_l: Tensor,
        pooled: Tensor,
        grad_state: Tensor,
        grad_pooled: Tensor,
        grads: LogicWeights,
    ) -> None:
        """Gradients through L2 and L4; that of h starts here, since h acts on the next state only through the gates."""
        n_c, n_l, batch = self.layout.n_c, self.layout.n_l, len(a_l)
        flat = grad_gates.flatten(1, 2)
        grads.mixed.add_(torch.bmm(flat, a_l.mT).sum(0))
        of_a_l = torch.bmm(
            _each(self.weights.mixed.T, batch), flat, out=self.scratch.like("gradient of a_l", a_l)
        )
        grad_c, grad_h = grad_state.flatten(3)[..., pixels].unbind(1)
        grad_c[:, n_c:].add_(of_a_l[:, :n_l])
        grad_h[:, n_c:] = of_a_l[:, n_l:]
        grad_h[:, :n_c] = 0
        grads.bias.add_(grad_gates[:, :, n_c:].sum((0, 3)))
        for gate in range(GATES):
            of_logic = grad_gates[:, gate, n_c:]
            grads.pooled[gate].add_(torch.bmm(of_logic, pooled[:, gate, :, pixels].mT).sum(0))
            weight = _each(self.weights.pooled[gate].T, batch)
            torch.bmm(weight, of_logic, out=grad_pooled[:, gate, :, pixels])

    def _through_convolution(
        self,
        strip: tuple[int, int],
        state: Tensor,
        grad_drive: Tensor,
        grad_state: Tensor,
        grads: LogicWeights,
    ) -> None:
        """Gradients through L1 and L3."""
        of_convolved = self._copy("gradient of convolved", grad_drive[..., self._pixels(strip)])
        columns = self._columns(strip, state)
        flat = columns.flatten(1, 4).flatten(2)
        grads.state.add_(torch.bmm(of_convolved, flat.mT).sum(0))
        of_columns = self.scratch.like("gradient of columns", columns)
        weight = _each(self.weights.state.T, len(columns))
        torch.bmm(weight, of_convolved, out=of_columns.flatten(1, 4).flatten(2))
        for tap, inside, source in self._taps(strip):
            grad_state[:, :, : self.layout.n_c, *source].add_(of_columns[:, :, :, *tap, *inside])

    def _l1(self, planes: Tensor) -> Tensor:
        """L1, `[B, 4, n_c, H W]`, as a view."""
        n_c = self.layout.n_c
        return planes[:, : GATES * n_c].view(len(planes), GATES, n_c, -1)

    def _l3(self, planes: Tensor) -> Tensor:
        """L3, `[B, 4, k, m, H, W]`, as a view."""
        sizes = (len(self.layout.windows), GATES, self.layout.multiplicity)
        l3 = planes[:, GATES * self.layout.n_c :]
        return l3.view(len(planes), *sizes, self.height, self.width).transpose(1, 2)

    def _copy(self, name: str, source: Tensor) -> Tensor:
        return self.scratch.take(name, tuple(source.shape), self.weights.state.dtype).copy_(source)


def _each(matrix: Tensor, batch: int) -> Tensor:
    return matrix.expand(batch, *matrix.shape)
