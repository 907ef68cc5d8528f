"""The dynamic head and its convolution as loops over samples, outputs, inputs and voxels: slow and plain."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def scales_of(code: Array, weight: Array, bias: Array) -> Array:
    """A linear map of the code `[M]`: one number for each row of `weight` `[S, M]`."""
    return np.array(
        [sum(w * c for w, c in zip(row, code, strict=True)) + b for row, b in zip(weight, bias, strict=True)]
    )


def scaled_convolution(
    x: Array,
    kernels: Array,
    biases: Array | None,
    scales: Array,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
) -> Array:
    """Of one row `[u, *edges]` with kernels `[v, u, *edges]`; scales are v·u for kernels, then v for biases."""
    outputs, inputs = kernels.shape[:2]
    padded = np.pad(x, [(0, 0), *((pad, pad) for pad in padding)])
    edges = [
        (edge - kernel) // step + 1
        for edge, kernel, step in zip(padded.shape[1:], kernels.shape[2:], stride, strict=True)
    ]
    y = np.zeros((outputs, *edges))
    for v in range(outputs):
        for position in itertools.product(*map(range, edges)):
            total = 0.0 if biases is None else biases[v] * scales[outputs * inputs + v]
            for u in range(inputs):
                scale = scales[v * inputs + u]
                for offset in itertools.product(*map(range, kernels.shape[2:])):
                    at = tuple(p * s + o for p, s, o in zip(position, stride, offset, strict=True))
                    total += scale * kernels[(v, u, *offset)] * padded[(u, *at)]
            y[(v, *position)] = total
    return y
