"""The transfer layer of the logic LSTM: max pooling over windows as large as the image, from doubling running maxima.

Kobold, thesis, Université Paris-Saclay 2019; Vargas-Ibarra et al., MIDL 2024, equation 12.

A window p covers the offsets -⌊p/2⌋ … p-1-⌊p/2⌋ along its axis, cut at the edges: the result of
`max_pool2d(x, p, stride=1, padding=p // 2)`, without its last row and column where p is even. Along each axis the
maximum over a window is that of two windows of about half its size, so that the cost is logarithmic; the result is
exact.

`transfer` and `transfer_gradient` are the two directions, for `models.parts.logic_step`; both write into a given
tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from models.parts.scratch import Scratch

Window = tuple[int, int]


def transfer(x: Tensor, windows: Sequence[Window], out: Tensor, scratch: Scratch) -> None:
    """Max pooling of each channel with stride 1 at the same size, group i of the channels with window i.

    Args:
        x: `[..., k, m, H, W]` with any strides: k groups of m channels.
        windows: of the k groups, (height, width), each axis strictly descending and at least 1.
        out: output, in the shape of `x`.
        scratch: buffers for running maxima.
    """
    for groups, its_windows in _blocks(x, windows):
        part = x[groups]
        buffers = [scratch.take(f"maxima {i}", tuple(part.shape), x.dtype) for i in range(3)]
        _pool(part, its_windows, out[groups], buffers)


def transfer_gradient(
    x: Tensor, windows: Sequence[Window], gradient: Tensor, out: Tensor, scratch: Scratch
) -> None:
    """The gradient of `x` from that of its pooling: each window's maximum receives the gradient of its output.

    Of equal maxima, one receives it all. In double precision, numbers that agree in all but the last ⌈log₂(H W)⌉
    bits count as equal.

    Args:
        x: the input of the pooling.
        windows: as in `transfer`.
        gradient: of the pooling's output, in the shape of `x`.
        out: output, in the shape of `x`.
        scratch: buffers for running maxima.
    """
    height, width = x.shape[-2:]
    mask = (1 << (height * width - 1).bit_length()) - 1
    positions = torch.arange(height * width, device=x.device).view(height, width)
    wide = torch.promote_types(out.dtype, torch.float32)  # half precision cannot sum thousands of terms
    for groups, its_windows in _blocks(x, windows):
        part = x[groups]
        shape = tuple(part.shape)
        keys, *buffers = (scratch.take(f"keys {i}", shape, torch.float64) for i in range(4))
        # Doubles ordered as x whose last bits are the position, so that the largest tells where the largest of x is.
        # Single and half precision leave the last 29 bits of a double zero: positions decide only between equal
        # numbers.
        bits = keys.copy_(part).view(torch.int64)
        if x.dtype == torch.float64:
            bits.bitwise_and_(~mask)
        bits.bitwise_or_(positions)
        _pool(keys, its_windows, keys, buffers)
        bits.bitwise_and_(mask).clamp_(max=height * width - 1)  # NaN may point anywhere
        routed = out[groups] if out.dtype == wide else scratch.take("routed", shape, wide)
        planes = (*shape[:-2], height * width)
        upstream = gradient[groups].to(wide).reshape(planes)
        routed.zero_().view(planes).scatter_add_(-1, bits.view(planes), upstream)
        if routed.dtype != out.dtype:
            out[groups] = routed


def _blocks(x: Tensor, windows: Sequence[Window]) -> Iterator[tuple[Any, Sequence[Window]]]:
    """The groups to process at a time, and their windows: one on CPUs, so that it stays in the cache."""
    step = 1 if x.device.type == "cpu" else len(windows)
    for first in range(0, len(windows), step):
        groups = slice(first, first + step)
        yield (..., groups, slice(None), slice(None), slice(None)), windows[groups]


def _pool(x: Tensor, windows: Sequence[Window], out: Tensor, buffers: Sequence[Tensor]) -> None:
    rows, free, other = buffers
    _pool_axis(x, [width for _, width in windows], -1, rows, (free, other))
    _pool_axis(rows, [height for height, _ in windows], -2, out, (free, other))


def _pool_axis(
    x: Tensor, windows: Sequence[int], axis: int, out: Tensor, buffers: tuple[Tensor, Tensor]
) -> None:
    """Running maxima along one axis, widened for all groups at once until each has reached its window."""
    free, other = buffers
    edge = x.shape[axis]
    whole = sum(window >= 2 * edge - 1 for window in windows)
    if whole:
        out.narrow(-4, 0, whole).copy_(x.narrow(-4, 0, whole).amax(axis, keepdim=True))
    running, covered = x, 1
    for group in reversed(range(whole, len(windows))):
        window = windows[group]
        running = running.narrow(-4, 0, group + 1)
        while 2 * covered < window:
            _widen(running, covered, 2 * covered, axis, free.narrow(-4, 0, group + 1))
            running, covered = free.narrow(-4, 0, group + 1), 2 * covered
            free, other = other, free
        _widen(running.narrow(-4, group, 1), covered, window, axis, out.narrow(-4, group, 1))
        if group > whole:
            _widen(running.narrow(-4, 0, group), covered, window, axis, free.narrow(-4, 0, group))
            running, covered = free.narrow(-4, 0, group), window
            free, other = other, free


def _widen(x: Tensor, covered: int, window: int, axis: int, out: Tensor) -> None:
    """Maxima over `window` from those over `covered`, which is at least half of it.

    The window is the union of two smaller ones, `before` to the left and `after` to the right. Where one of them
    would be centred beyond the edge, the one at the edge covers exactly what is needed.
    """
    before = window // 2 - covered // 2
    after = window - covered - before
    edge = x.shape[axis]

    def part(y: Tensor, start: int, stop: int) -> Tensor:
        return y.narrow(axis, start, stop - start)

    torch.maximum(
        part(x, 0, edge - before - after), part(x, before + after, edge), out=part(out, before, edge - after)
    )
    if before:
        torch.maximum(part(x, 0, 1), part(x, after, after + before), out=part(out, 0, before))
    if after:
        beyond = part(x, edge - after - before, edge - before)
        torch.maximum(beyond, part(x, edge - 1, edge), out=part(out, edge - after, edge))
