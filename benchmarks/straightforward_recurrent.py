"""UpAttLLSTM written directly from its equations, as a baseline for `models.lstm.network.UpAttLSTM`.

Idiomatic torch with the same results: one convolution for each of L1 to L4 of each gate, concatenations as in the
equations, torch's max pooling, queries upsampled before the attention, and features before the convolution.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.lstm.network import RecurrentPart, UpAttLSTM
from models.parts.attention import CrossAttention
from models.parts.recurrent import LLSTMCell
from models.parts.upsampling import UpBlock

Pooling = Literal["windows", "rows then columns"]


class Straightforward(nn.Module):
    """The network, with the parameters of an existing one.

    Args:
        network: of the logic kind, with two passes forward.
        pooling: `windows` slides each window over the image, or takes the maximum over the image if the window
            covers it; `rows then columns` slides it along one axis and then the other.
    """

    def __init__(self, network: UpAttLSTM, pooling: Pooling) -> None:
        super().__init__()
        self.network, self.pooling = network, pooling

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[B, K, D, H, W]` of `[B, M, D, H, W]`."""
        plan = self.network.plan
        slices = x.transpose(1, 2).flatten(0, 1)
        dwi = slices[:, [plan.modalities.index(plan.dwi)]]
        susceptibility = slices[:, [plan.modalities.index(name) for name in plan.susceptibility]]
        features = upsample(
            self.network.up, attend(self.network.attention, dwi, susceptibility), susceptibility
        )
        stacks = features.view(x.shape[0], x.shape[2], *features.shape[1:])
        return recur(self.network.recurrent, stacks, self.pooling).transpose(1, 2)


def attend(block: CrossAttention, dwi: Tensor, susceptibility: Tensor) -> Tensor:
    """Cross-attention of every token with every token."""
    guide, tokens = block.guide(dwi), block.tokens(susceptibility)
    query = block.query(block.query_norm(guide))
    key, value = block.key(block.key_norm(tokens)), block.value(block.key_norm(tokens))
    grid = query[:, 1:].mT.reshape(len(query), -1, *block.guide.grid)
    finer = F.interpolate(grid, scale_factor=block.ratio, mode="nearest").flatten(2).mT
    query = torch.cat((query[:, :1], finer), 1)
    weights = (query @ key.mT / key.shape[-1] ** 0.5).softmax(-1)
    attended = block.attended_norm(weights @ value + tokens)
    features = block.norm(block.mlp(attended) + tokens)[:, 1:]
    image: Tensor = features.mT.reshape(len(features), -1, *block.tokens.grid)
    return image


def upsample(block: UpBlock, features: Tensor, susceptibility: Tensor) -> Tensor:
    """The upsampling block, with the features upsampled first."""
    finer = F.interpolate(features, scale_factor=block.ratio, mode="nearest")
    merged = F.elu(block.merge(torch.cat((block.details(susceptibility).relu(), finer), 1)))
    return F.instance_norm(merged, weight=block.norm.weight, bias=block.norm.bias)


def recur(part: RecurrentPart, stacks: Tensor, pooling: Pooling) -> Tensor:
    """Two passes through the logic cell; logits `[B, D, K, H, W]` of features `[B, D, C, H, W]`."""
    cell = part.cell
    assert isinstance(cell, LLSTMCell)
    slices = stacks.unbind(1)
    c = h = torch.zeros_like(slices[0][:, :1]).expand(-1, cell.hidden, -1, -1)
    logits = []
    for number in range(2 * len(slices)):
        c, h = step(cell, slices[number % len(slices)], c, h, pooling)
        if number >= len(slices):
            logits.append(part.classify(h))
    return torch.stack(logits, 1)


def step(cell: LLSTMCell, x: Tensor, c: Tensor, h: Tensor, pooling: Pooling) -> tuple[Tensor, Tensor]:
    """Process one slice; returns the new cell state and hidden state."""
    n_c = cell.layout.n_c
    a_c = torch.cat((c[:, :n_c], h[:, :n_c], x), 1)
    a_l = torch.cat((c[:, n_c:], h[:, n_c:]), 1)
    logits = []
    for gate in range(4):
        (w1, b1), w2, (w3, b3), (w4, b4) = gate_weights(cell, gate)
        a1 = F.conv2d(a_c, w1, b1, padding="same") + F.conv2d(a_l, w2)
        pooled = pool(F.conv2d(a_c, w3, b3, padding="same"), cell, pooling)
        a2 = F.conv2d(torch.cat((pooled, a_l), 1), w4, b4)
        logits.append(torch.cat((a1, a2), 1))
    forget, write, output = (gate.sigmoid() for gate in logits[:3])
    c = forget * c + write * logits[3].tanh()
    return c, output * c.tanh()


def pool(x: Tensor, cell: LLSTMCell, pooling: Pooling) -> Tensor:
    """Max-pool each group of channels with its window."""
    height, width = x.shape[2:]
    pooled = []
    for group, (high, wide) in zip(x.chunk(len(cell.layout.windows), 1), cell.layout.windows, strict=True):
        if high >= 2 * height - 1 and wide >= 2 * width - 1:
            result = group.amax((2, 3), keepdim=True).expand_as(group)
        elif pooling == "windows":
            result = F.max_pool2d(group, (high, wide), 1, (high // 2, wide // 2))
        else:
            rows = F.max_pool2d(group, (1, wide), 1, (0, wide // 2))
            result = F.max_pool2d(rows, (high, 1), 1, (high // 2, 0))
        pooled.append(result[:, :, :height, :width])
    return torch.cat(pooled, 1)


def gate_weights(
    cell: LLSTMCell, gate: int
) -> tuple[tuple[Tensor, Tensor], Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Weights and biases of L1 to L4 of a gate, extracted from the cell."""
    n_c, n_l = cell.layout.n_c, cell.layout.n_l
    weight, bias = cell.convolution.weight, cell.convolution.get_parameter("bias")
    sizes = (len(cell.layout.windows), 4, cell.layout.multiplicity)
    l1, logic = slice(gate * n_c, (gate + 1) * n_c), slice(gate * n_l, (gate + 1) * n_l)
    l3 = torch.arange(4 * n_c, 4 * (n_c + n_l), device=weight.device).view(sizes)[:, gate].flatten()
    l4 = cell.logic.weight[logic], cell.logic.get_parameter("bias")[logic]
    return (weight[l1], bias[l1]), cell.mix.weight[l1], (weight[l3], bias[l3]), l4
