"""The plan of the 2.5D fully convolutional DenseNet of ModDrop++ (Liu et al., MICCAI 2022). Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from models.parts.sizes import nearest_multiples, size_text
from models.plan import Plan, Scans, Size, Spacing

ANISOTROPIC = 2.0  # coarsest over finest spacing above which one plane is used; nnU-Net's limit for pooling
BYTES_PER_ELEMENT = 2.5  # in mixed precision; see `DenseNetPlan.memory_gb`


@dataclass(frozen=True)
class DenseNetPlan(Plan):
    """What `models.tiramisu.network.Tiramisu` is built from.

    Attributes:
        planes: the axes that slices are taken across; 0 gives axial ones.
        first_channels: of the first convolution.
        growth: channels that each layer adds.
        layers: of each dense block.
        blocks: on the way down, and on the way up; each halves or doubles the sides of a slice.
        slices: stacked to predict the middle one.
        dropout: probability that an output channel of a convolution is dropped.
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
        """The sizes that a patch is divisible by: 2 for each block, 1 along an axis that is in none of the planes."""
        side: int = 2**self.blocks
        depth, height, width = (1 if self.planes == (axis,) else side for axis in range(3))
        return depth, height, width

    def memory_gb(self, batch_size: int) -> float:
        """Estimated memory of a training, in 10⁹ bytes: elements that autograd keeps × batch × bytes per element.

        On a CPU with bfloat16, autograd kept 2.0 bytes an element and a training step peaked at 2.3 (in single
        precision 3.9 and 4.4); 2.5 leaves room for the workspaces of a GPU.
        """
        return self.kept_elements() * batch_size * BYTES_PER_ELEMENT / 1e9

    def kept_elements(self) -> float:
        """Elements that the backward pass needs of one patch, all slices of a plane together.

        A layer keeps its input, and the input normalised; so does a transition down, and its convolution's output
        beside the indices of the pooling, 8 bytes for every fourth element.
        """
        channels, area = self.first_channels, float(math.prod(self.patch_size))
        total = area * len(self.modalities) * self.slices
        skips = []
        for _ in range(self.blocks):
            total += area * self._kept_of_block(channels)
            channels += self.growth * self.layers
            total += area * 4 * channels
            skips.append((channels, area))
            area /= 4
        total += area * self._kept_of_block(channels)
        made = self.growth * self.layers
        for channels, finer in reversed(skips):
            total += area * made + finer * self._kept_of_block(made + channels)
            area = finer
        return total + area * (made + skips[0][0] + made)

    def _kept_of_block(self, channels: int) -> int:
        """Channels that a dense block keeps, for so many input channels."""
        return sum(2 * (channels + layer * self.growth) for layer in range(self.layers))


def plan_densenet(name: str, settings: Mapping[str, Any], scans: Scans) -> DenseNetPlan:
    """The plan that the `model` section of a configuration asks for.

    Slices are taken in all three planes (Zhang et al., MICCAI 2019). Deviation: where the coarsest spacing is more
    than twice the finest, they are taken across the coarsest axis alone, since the other planes show steps there, not
    anatomy.

    A planned patch begins as the median subject, its sides in a plane rounded up to a size that the blocks divide (a
    shorter side is padded, and no block is left out); then the longest side shrinks until a training fits
    `model.memory_gb`. Across the only plane of anisotropic scans it is twice as thick as a slice has neighbours: half
    of its slices have all their neighbours, and with windows that overlap by half every slice does so once.

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
        if (needed_gb := plan.memory_gb(scans.batch_size)) <= memory_gb:
            return plan
        longest = max(in_plane, key=edges.__getitem__)
        if edges[longest] == step:
            raise ValueError(
                f"model.memory_gb: the smallest patch, {size_text(plan.patch_size)}, needs {needed_gb:.3g} GB, got "
                f"{memory_gb:g}; give more, or lower model.densenet.blocks, model.densenet.growth or "
                "trainer.batch_size"
            )
        edges[longest] -= step


def _check_divisible(plan: DenseNetPlan) -> None:
    nearest = (nearest_multiples(*sides) for sides in zip(plan.patch_size, plan.divisor, strict=True))
    if any(edge % divisor for edge, divisor in zip(plan.patch_size, plan.divisor, strict=True)):
        raise ValueError(
            f"model.patch_size: {size_text(plan.patch_size)} is not divisible by {size_text(plan.divisor)}: the sides "
            f"of slices are halved {plan.blocks} times (model.densenet.blocks); these would do: {' × '.join(nearest)}"
        )


def _check_normalisable(plan: DenseNetPlan, batch_size: int) -> None:
    """Batch normalisation needs two values a channel to train on, at the lowest resolution, too."""
    if batch_size * math.prod(plan.patch_size) < 2 * 4**plan.blocks:
        depth, height, width = plan.patch_size
        raise ValueError(
            f"model.patch_size: {size_text(plan.patch_size)} is one voxel after {plan.blocks} blocks "
            f"(model.densenet.blocks), and batch normalisation needs two; these would do: {depth}×{height}×{2 * width} "
            "and more, or fewer blocks"
        )
