"""nnU-Net's rules for patch and pooling (Isensee et al., Nature Methods 2021, Supplementary Note 2). Needs no torch.

All shapes, strides and spacings are [D, H, W].
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from models.plan import Size, Spacing

MIN_EDGE = 4  # voxels of the smallest feature map along each axis; Isensee 2021
START_VOXELS = 256**3  # the first patch has this volume, then it shrinks; Isensee 2021


@dataclass(frozen=True)
class Topology:
    """Strides and kernels of each stage, and a patch that `divisor`, the product of the strides, divides."""

    strides: tuple[Size, ...]
    kernel_sizes: tuple[Size, ...]
    patch_size: Size
    divisor: Size

    @property
    def stages(self) -> int:
        """Resolutions of the encoder, the input's included."""
        return len(self.strides)


def plan_topology(patch: Size, spacing_mm: Spacing, max_stages: int | None) -> Topology:
    """Pool each axis while it is long enough and not much coarser than the others; pad the patch accordingly.

    Args:
        patch: voxels.
        spacing_mm: voxel spacing of the patch.
        max_stages: None: as many as the patch allows.
    """
    edges, spacing, kernel = list(patch), list(spacing_mm), [1, 1, 1]
    strides: list[Size] = [(1, 1, 1)]
    kernels: list[Size] = []
    while max_stages is None or len(strides) < max_stages:
        axes = _pooled_axes(edges, spacing)
        if not axes:
            break
        finest = min(spacing)
        kernel = [3 if k == 3 or mm / finest < 2 else 1 for k, mm in zip(kernel, spacing, strict=True)]
        kernels.append(_size(kernel))
        strides.append(_size(2 if axis in axes else 1 for axis in range(3)))
        for axis in axes:
            edges[axis] = math.ceil(edges[axis] / 2)
            spacing[axis] *= 2
    kernels.append((3, 3, 3))  # the deepest stage, always
    divisor = product(strides)
    padded = _size(math.ceil(edge / d) * d for edge, d in zip(patch, divisor, strict=True))
    return Topology(tuple(strides), tuple(kernels), padded, divisor)


def first_patch(median_shape: Size, spacing_mm: Spacing) -> Size:
    """A cube in mm of `START_VOXELS` voxels, cut to the median subject."""
    edge_mm = math.cbrt(START_VOXELS * math.prod(spacing_mm))
    return _size(max(1, min(round(edge_mm / mm), n)) for mm, n in zip(spacing_mm, median_shape, strict=True))


def shrink(
    topology: Topology, median_shape: Size, spacing_mm: Spacing, max_stages: int | None, min_stages: int
) -> Topology | None:
    """The next smaller patch or None: the axis that covers most of the median subject gives way first.

    Args:
        topology: of the patch that is too large.
        median_shape: voxels of the median training subject.
        spacing_mm: voxel spacing of the patch.
        max_stages: None: as many as the patch allows.
        min_stages: the fewest stages that must remain.
    """
    patch = topology.patch_size
    for axis in sorted(range(3), key=lambda axis: (patch[axis] / median_shape[axis], axis), reverse=True):
        coarse = _shortened(patch, axis, topology.divisor[axis])
        if coarse[axis] < MIN_EDGE:
            continue
        # A step by the larger patch's divisor would skip sizes (256 → 192, not 224), so the smaller's is tried first.
        fine = _shortened(patch, axis, plan_topology(coarse, spacing_mm, max_stages).divisor[axis])
        for candidate in (fine, coarse):
            smaller = plan_topology(candidate, spacing_mm, max_stages)
            if smaller.stages >= min_stages and math.prod(smaller.patch_size) < math.prod(patch):
                return smaller
    return None


def product(strides: Iterable[Size]) -> Size:
    """The product of all strides along each axis."""
    return _size(math.prod(axis) for axis in zip(*strides, strict=True))


def divide(size: Size, stride: Size) -> Size:
    """The size after a stride that divides it."""
    return _size(edge // step for edge, step in zip(size, stride, strict=True))


def _pooled_axes(edges: list[int], spacing: list[float]) -> list[int]:
    long_enough = [axis for axis in range(3) if edges[axis] >= 2 * MIN_EDGE]
    if not long_enough:
        return []
    finest = min(spacing[axis] for axis in long_enough)
    axes = [axis for axis in long_enough if spacing[axis] / finest < 2]
    if len(axes) == 1 and edges[axes[0]] < 3 * MIN_EDGE:
        return []
    return axes


def _shortened(size: Size, axis: int, voxels: int) -> Size:
    return _size(edge - voxels if other == axis else edge for other, edge in enumerate(size))


def _size(numbers: Iterable[int]) -> Size:
    depth, height, width = numbers
    return depth, height, width
