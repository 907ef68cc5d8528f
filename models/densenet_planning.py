"""The plan of the 2.5D fully convolutional DenseNet of ModDrop++ (Liu et al., MICCAI 2022). Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.plan import Plan, Scans
from models.topology import Size, Spacing

ANISOTROPIC = 2.0  # coarsest over finest spacing above which one plane is used; nnU-Net's limit for pooling
BYTES_PER_ELEMENT = 2.5  # in mixed precision; see `estimate_memory_gb`


@dataclass(frozen=True)
class DenseNetPlan(Plan):
    """What `models.tiramisu.Tiramisu` is built from.

    Attributes:
        planes: the axes that slices are taken across; 0 gives axial ones.
        first_channels: of the first convolution.
        growth: channels that each layer adds.
        layers: of each dense block.
        blocks: on the way down, and on the way up; each halves or doubles the sides of a slice.
        slices: stacked for the prediction of the middle one.
        dropout: fraction of the channels that a convolution gives.
    """

    planes: tuple[int, ...]
    first_channels: int
    growth: int
    layers: int
    blocks: int
    slices: int
    dropout: float

    @property
    def divisor(self) -> Size:
        """What the patch is divisible by: by 2 for each block, but for an axis that is in none of the planes."""
        side: int = 2**self.blocks
        depth, height, width = (1 if self.planes == (axis,) else side for axis in range(3))
        return depth, height, width


def plan_densenet(name: str, settings: Mapping[str, Any], scans: Scans) -> DenseNetPlan:
    """The plan that the `model.` section of a configuration asks for.

    Slices are taken in all three planes (Zhang et al., MICCAI 2019), but only across the coarsest axis where its
    spacing is more than twice the finest: there the other planes show steps, not anatomy. This is a deviation.

    A planned patch begins as the median subject, its sides in a plane rounded up to what the blocks divide (a side
    that is shorter is padded, and no block is left out); then the longest side gives way until a training fits
    `model.memory_gb`. Across the only plane of anisotropic scans it is twice as thick as a slice has neighbours:
    half of its slices have all of theirs, and with windows that overlap by half each slice is among those once.

    Raises:
        ValueError: the blocks do not divide the patch, too little of it is left for batch normalisation, or the
            memory holds no patch; says what would do.
    """
    given = settings["patch_size"]
    plan = DenseNetPlan(
        modalities=scans.modalities,
        n_classes=scans.n_classes,
        patch_size=tuple(given) if given else (1, 1, 1),
        planes=_planes(scans.spacing_mm),
        dropout=settings["dropout"],
        **settings["densenet"],
    )
    if given:
        _check_divisible(plan)
    else:
        plan = _planned(plan, scans, settings["memory_gb"])
    _check_normalisable(plan, scans.batch_size)
    return plan


def estimate_memory_gb(plan: DenseNetPlan, batch_size: int) -> float:
    """Memory of a training, in 10⁹ bytes: elements that autograd keeps × batch × bytes per element.

    On a CPU with bfloat16, autograd kept 2.0 bytes an element and a training step peaked at 2.3 (in single
    precision 3.9 and 4.4); 2.5 leaves room for the workspaces of a GPU.
    """
    return kept_elements(plan) * batch_size * BYTES_PER_ELEMENT / 1e9


def kept_elements(plan: DenseNetPlan) -> float:
    """Elements that the backward pass needs of one patch, all slices of a plane together.

    A layer keeps what it reads, and this normalised; so does a transition down, and its convolution's output beside
    the indices of the pooling, 8 bytes for every fourth element.
    """
    channels, area = plan.first_channels, float(math.prod(plan.patch_size))
    total = area * len(plan.modalities) * plan.slices
    skips = []
    for _ in range(plan.blocks):
        total += area * _block(plan, channels)
        channels += plan.growth * plan.layers
        total += area * 4 * channels
        skips.append((channels, area))
        area /= 4
    total += area * _block(plan, channels)
    made = plan.growth * plan.layers
    for channels, finer in reversed(skips):
        total += area * made + finer * _block(plan, made + channels)
        area = finer
    return total + area * (made + skips[0][0] + made)


def _block(plan: DenseNetPlan, channels: int) -> int:
    return sum(2 * (channels + layer * plan.growth) for layer in range(plan.layers))


def _planes(spacing_mm: Spacing) -> tuple[int, ...]:
    coarsest = max(spacing_mm)
    return (spacing_mm.index(coarsest),) if coarsest > ANISOTROPIC * min(spacing_mm) else (0, 1, 2)


def _planned(plan: DenseNetPlan, scans: Scans, memory_gb: float) -> DenseNetPlan:
    step = 2**plan.blocks
    edges = [math.ceil(edge / step) * step for edge in scans.median_shape]
    in_plane = [axis for axis in range(3) if plan.planes != (axis,)]
    for axis in set(range(3)) - set(in_plane):
        edges[axis] = min(scans.median_shape[axis], max(2 * (plan.slices - 1), 1))
    while True:
        depth, height, width = edges
        plan = replace(plan, patch_size=(depth, height, width))
        if (needed_gb := estimate_memory_gb(plan, scans.batch_size)) <= memory_gb:
            return plan
        longest = max(in_plane, key=edges.__getitem__)
        if edges[longest] == step:
            raise ValueError(
                f"model.memory_gb: the smallest patch, {_text(plan.patch_size)}, needs {needed_gb:.3g} GB, got "
                f"{memory_gb:g}; give more, or lower model.densenet.blocks, model.densenet.growth or "
                "trainer.batch_size"
            )
        edges[longest] -= step


def _check_divisible(plan: DenseNetPlan) -> None:
    nearest = []
    for edge, divisor in zip(plan.patch_size, plan.divisor, strict=True):
        below, above = edge // divisor * divisor, math.ceil(edge / divisor) * divisor
        nearest.append(str(above) if below in (0, above) else f"{below} or {above}")
    if any(edge % divisor for edge, divisor in zip(plan.patch_size, plan.divisor, strict=True)):
        raise ValueError(
            f"model.patch_size: {_text(plan.patch_size)} is not divisible by {_text(plan.divisor)}: the sides of "
            f"slices are halved {plan.blocks} times (model.densenet.blocks); these would do: {' × '.join(nearest)}"
        )


def _check_normalisable(plan: DenseNetPlan, batch_size: int) -> None:
    """Batch normalisation needs two values a channel to train on, at the lowest resolution, too."""
    if batch_size * math.prod(plan.patch_size) < 2 * 4**plan.blocks:
        depth, height, width = plan.patch_size
        raise ValueError(
            f"model.patch_size: {_text(plan.patch_size)} is one voxel after {plan.blocks} blocks "
            f"(model.densenet.blocks), and batch normalisation needs two; these would do: {depth}×{height}×{2 * width} "
            "and more, or fewer blocks"
        )


def _text(size: Size) -> str:
    return "×".join(map(str, size))
