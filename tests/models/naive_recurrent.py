"""The equations of the thrombus networks one after another, in NumPy and as slow as they stand there.

Images are `[C, H, W]`, tokens `[1 + patches, d]`, weights as torch holds them. `State` is a network's `state_dict`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
State = Mapping[str, Array]
Window = tuple[int, int]


def inside(state: State, prefix: str) -> State:
    """The part of a state that belongs to a module."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def convolve(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Same-size convolution with zeros around the image."""
    outputs, _, height, width = weight.shape
    y0, x0 = height // 2, width // 2
    padded = np.pad(x, ((0, 0), (y0, y0), (x0, x0)))
    result = np.zeros((outputs, *x.shape[1:]))
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            patch = padded[:, row : row + height, column : column + width]
            result[:, row, column] = (weight * patch).sum((1, 2, 3))
    return result if bias is None else result + bias[:, None, None]


def pool(x: Array, window: Window) -> Array:
    """Maxima over the offsets -⌊p/2⌋ … p-1-⌊p/2⌋ of each axis, as far as they lie in the image."""
    result = np.empty_like(x)
    (high, wide), (_, rows, columns) = window, x.shape
    for row in range(rows):
        for column in range(columns):
            top, left = row - high // 2, column - wide // 2
            part = x[:, max(0, top) : top + high, max(0, left) : left + wide]
            result[:, row, column] = part.max((1, 2))
    return result


def transfer(x: Array, windows: Sequence[Window]) -> Array:
    """Group i of the channels pooled with window i."""
    groups = np.split(x, len(windows))
    return np.concatenate([pool(group, window) for group, window in zip(groups, windows, strict=True)])


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm_step(logits: Sequence[Array], c: Array) -> tuple[Array, Array]:
    """f, i, o, d before their nonlinearity, and c, to the new c and h."""
    f, i, o = (sigmoid(x) for x in logits[:3])
    c = f * c + i * np.tanh(logits[3])
    return c, o * np.tanh(c)


def clstm_step(x: Array, c: Array, h: Array, state: State) -> tuple[Array, Array]:
    """MIDL 2024, equations 1 to 7."""
    a = np.concatenate((c, h, x))
    weights, biases = np.split(state["gates.weight"], 4), np.split(state["gates.bias"], 4)
    return lstm_step([convolve(a, weight, bias) for weight, bias in zip(weights, biases, strict=True)], c)


def llstm_step(
    x: Array, c: Array, h: Array, state: State, n_c: int, windows: Sequence[Window]
) -> tuple[Array, Array]:
    """MIDL 2024, equations 8 to 12; each gate has its own L1 to L4."""
    a_c, a_l = np.concatenate((c[:n_c], h[:n_c], x)), np.concatenate((c[n_c:], h[n_c:]))
    logits = []
    for gate in range(4):
        l1, l2, l3, l4 = gate_weights(state, gate, n_c, len(windows))
        a1 = convolve(a_c, *l1) + convolve(a_l, *l2)
        a2 = convolve(np.concatenate((transfer(convolve(a_c, *l3), windows), a_l)), *l4)
        logits.append(np.concatenate((a1, a2)))
    return lstm_step(logits, c)


def gate_weights(
    state: State, gate: int, n_c: int, scales: int
) -> tuple[tuple[Array, ...], tuple[Array, ...], tuple[Array, ...], tuple[Array, ...]]:
    """L1 to L4 of a gate from a cell's parameters, in the order that its docstring says."""
    weight, bias = state["convolution.weight"], state["convolution.bias"]
    n_l = len(weight) // 4 - n_c
    m = n_l // scales
    of_gate = slice(gate * n_c, (gate + 1) * n_c)
    rows = [4 * n_c + (scale * 4 + gate) * m + channel for scale in range(scales) for channel in range(m)]
    logic = slice(gate * n_l, (gate + 1) * n_l)
    return (
        (weight[of_gate], bias[of_gate]),
        (state["mix.weight"][of_gate],),
        (weight[rows], bias[rows]),
        (state["logic.weight"][logic], state["logic.bias"][logic]),
    )


def recurrence(
    step: Callable[[Array, Array, Array], tuple[Array, Array]],
    slices: Sequence[Array],
    hidden: int,
    second_pass: str,
) -> list[Array]:
    """h of each slice in the last pass; a pass goes on from the state that the one before it left."""
    c = h = np.zeros((hidden, *slices[0].shape[1:]))
    there = range(len(slices))
    passes = {"forward": [there, there], "reverse": [there, there[::-1]], "none": [there]}[second_pass]
    result: dict[int, Array] = {}
    for order in passes:
        for i in order:
            c, h = step(slices[i], c, h)
            result[i] = h
    return [result[i] for i in there]


def recurrent_part(
    slices: Sequence[Array], state: State, second_pass: str, n_c: int, windows: Sequence[Window]
) -> list[Array]:
    """Logits of each slice, of an LLSTM, or of a CLSTM where there are no windows."""
    cell = inside(state, "cell.")
    hidden = state["classify.weight"].shape[1]

    def step(x: Array, c: Array, h: Array) -> tuple[Array, Array]:
        return llstm_step(x, c, h, cell, n_c, windows) if windows else clstm_step(x, c, h, cell)

    return [
        convolve(h, state["classify.weight"], state["classify.bias"])
        for h in recurrence(step, slices, hidden, second_pass)
    ]


def cross_attention(dwi: Array, susceptibility: Array, state: State, *, skip_attended: bool) -> Array:
    """MIDL 2024, section 2.2.1, with every query of the finer grid; `[d, h, w]`."""
    z_d, coarse = tokens(dwi, inside(state, "guide."))
    z_s, fine = tokens(susceptibility, inside(state, "tokens."))
    q = mlp(norm(z_d, inside(state, "query_norm.")), inside(state, "query."))
    k = mlp(norm(z_s, inside(state, "key_norm.")), inside(state, "key."))
    v = mlp(norm(z_s, inside(state, "key_norm.")), inside(state, "value."))
    rows = [0]
    for row in range(fine[0]):
        for column in range(fine[1]):
            y, x = row * coarse[0] // fine[0], column * coarse[1] // fine[1]
            rows.append(1 + y * coarse[1] + x)
    o = softmax(q[rows] @ k.T / math.sqrt(k.shape[1])) @ v
    y = norm(o + z_s, inside(state, "attended_norm."))
    f = norm(mlp(y, inside(state, "mlp.")) + (y if skip_attended else z_s), inside(state, "norm."))
    return f[1:].T.reshape(-1, *fine)


def tokens(x: Array, state: State) -> tuple[Array, tuple[int, int]]:
    """The class token and one of each patch, all with positions; and the grid."""
    weight = state["embed.weight"]
    patch = weight.shape[-1]
    rows, columns = x.shape[1] // patch, x.shape[2] // patch
    embedded = [state["class_token"][0, 0]]
    for row in range(rows):
        for column in range(columns):
            pixels = x[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
            embedded.append((weight * pixels).sum((1, 2, 3)) + state["embed.bias"])
    return np.stack(embedded) + state["position"][0], (rows, columns)


def mlp(x: Array, state: State) -> Array:
    hidden = x @ state["0.weight"].T + state["0.bias"]
    gelu = hidden * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2))) / 2
    return gelu @ state["2.weight"].T + state["2.bias"]


def norm(x: Array, state: State) -> Array:
    """Layer normalisation of each token."""
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * state["weight"] + state["bias"]


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def up_block(features: Array, susceptibility: Array, state: State) -> Array:
    """Norm(ELU(conv [ReLU(conv (S)) ‖ Up(F)])), with F repeated on the full grid."""
    details = convolve(susceptibility, state["details.weight"], state["details.bias"]).clip(0)
    ratio = susceptibility.shape[1] // features.shape[1]
    upsampled = features.repeat(ratio, 1).repeat(ratio, 2)
    x = elu(convolve(np.concatenate((details, upsampled)), state["merge.weight"], state["merge.bias"]))
    centred = x - x.mean((1, 2), keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean((1, 2), keepdims=True) + 1e-5)
    return scaled * state["norm.weight"][:, None, None] + state["norm.bias"][:, None, None]
