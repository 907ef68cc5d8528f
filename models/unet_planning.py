"""From the cohort's median shape and spacing to a network whose training fits the memory, by nnU-Net's rules.

Isensee et al., nnU-Net, Nature Methods 2021; residual encoder: nnU-Net Revisited, MICCAI 2024.
All shapes, strides and spacings are [D, H, W]. Needs no torch.

Deviations: the batch size is given, not planned; an axis is never shrunk below the smallest feature map; and
what cannot be planned is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from models.plan import Plan, Scans
from models.topology import (
    MIN_EDGE,
    Size,
    Topology,
    divide,
    first_patch,
    plan_topology,
    product,
    shrink,
)


@dataclass(frozen=True)
class Recipe:
    """What distinguishes the planning of one network from another's.

    Attributes:
        encoder: convolutions (or residual blocks) of each encoder stage; the last number repeats.
        decoder: convolutions of each decoder stage.
        elements: feature map elements of one patch.
        bytes_per_element: memory of a training over the feature map elements of its batch.
        max_stages: planned at most; None: any number.
    """

    encoder: tuple[int, ...]
    decoder: int
    elements: Callable[[UNetPlan], int]
    bytes_per_element: float
    max_stages: int | None = None


@dataclass(frozen=True)
class UNetPlan(Plan):
    """What a 3D U-Net is built from.

    Attributes:
        strides: of each encoder stage; the first is (1, 1, 1).
        kernel_sizes: of each stage's convolutions; 1 along an axis still much coarser than the others.
        features: channels of each stage.
        convs_encoder: convolutions or blocks of each stage.
        convs_decoder: convolutions of each decoder stage, highest resolution first.
        deep_supervision: logits at every decoder resolution while training.
    """

    strides: tuple[Size, ...]
    kernel_sizes: tuple[Size, ...]
    features: tuple[int, ...]
    convs_encoder: tuple[int, ...]
    convs_decoder: tuple[int, ...]
    deep_supervision: bool = True

    @property
    def stages(self) -> int:
        """Resolutions of the encoder, the input's included."""
        return len(self.strides)

    @property
    def divisor(self) -> Size:
        """What the patch is divisible by."""
        return product(self.strides)


def plan_from_settings(name: str, settings: Mapping[str, Any], scans: Scans) -> UNetPlan:
    """The plan that the `model.` section of a configuration asks for; raises as `plan_unet`."""
    return plan_unet(
        name,
        scans,
        base_channels=settings["base_channels"],
        max_channels=settings["max_channels"],
        stages=settings["stages"],
        patch_size=settings["patch_size"],
        memory_gb=settings["memory_gb"],
        deep_supervision=settings["deep_supervision"],
    )


def plan_unet(
    name: str,
    scans: Scans,
    *,
    base_channels: int,
    max_channels: int,
    stages: int | None = None,
    patch_size: Size | None = None,
    memory_gb: float,
    deep_supervision: bool = True,
) -> UNetPlan:
    """The largest patch, and its network, whose training fits the memory.

    Args:
        name: key of `RECIPES`.
        scans: what is to be learnt from.
        base_channels: of the first stage; doubled at each stage.
        max_channels: of any stage.
        stages: None: as many as the patch and the recipe allow; else exactly so many.
        patch_size: None: planned; else exactly this one, whatever the memory.
        memory_gb: the budget, in 10⁹ bytes; see `estimate_memory_gb`.
        deep_supervision: logits at every decoder resolution while training.

    Raises:
        ValueError: no such network, or the stages, the patch or the memory cannot be had; says what could.
    """
    recipe = _recipe(name)

    def network(topology: Topology) -> UNetPlan:
        n = topology.stages
        return UNetPlan(
            modalities=scans.modalities,
            n_classes=scans.n_classes,
            patch_size=topology.patch_size,
            strides=topology.strides,
            kernel_sizes=topology.kernel_sizes,
            features=tuple(min(base_channels * 2**stage, max_channels) for stage in range(n)),
            convs_encoder=(recipe.encoder + recipe.encoder[-1:] * n)[:n],
            convs_decoder=(recipe.decoder,) * (n - 1),
            deep_supervision=deep_supervision,
        )

    most, least = stages or recipe.max_stages, stages or 2
    first = patch_size or first_patch(scans.median_shape, scans.spacing_mm)
    topology = plan_topology(first, scans.spacing_mm, most)
    _check_stages(topology, stages)
    if patch_size is not None:
        _check_patch(patch_size, topology)
        return network(topology)
    while (needed_gb := estimate_memory_gb(name, network(topology), scans.batch_size)) > memory_gb:
        smaller = shrink(topology, scans.median_shape, scans.spacing_mm, most, least)
        if smaller is None:
            raise ValueError(
                f"model.memory_gb: the smallest patch, {_text(topology.patch_size)}, with {topology.stages} "
                f"stages needs {needed_gb:.3g} GB, got {memory_gb:g}; give more, "
                "or lower model.base_channels, model.stages or trainer.batch_size"
            )
        topology = smaller
    return network(topology)


def estimate_memory_gb(name: str, plan: UNetPlan, batch_size: int) -> float:
    """Memory of a training, in 10⁹ bytes: feature map elements × batch × bytes per element.

    The bytes per element (`RECIPES`) are for GPUs with mixed precision; those of nnU-Net's networks are its own
    calibration, so that a budget leads to nnU-Net's patch. On a CPU in single precision, forward and backward
    took 1.4 to 2.0 times the estimate (nnU-Net's two networks, 8 and 32 channels, patches of 260 to 295 thousand
    voxels, batch 2).

    Raises:
        ValueError: no such network.
    """
    recipe = _recipe(name)
    return recipe.elements(plan) * batch_size * recipe.bytes_per_element / 1e9


def feature_elements(plan: UNetPlan, *, residual: bool) -> int:
    """Elements of all convolutions' outputs for one patch; as nnU-Net counts them, with one head."""
    voxels, size = [], plan.patch_size
    for stride in plan.strides:
        size = divide(size, stride)
        voxels.append(math.prod(size))
    stem = plan.features[0] if residual else 0
    total = (stem + plan.n_classes) * voxels[0]
    before = plan.features[0]
    for stage, channels in enumerate(plan.features):
        maps = plan.convs_encoder[stage]
        if residual:
            maps = 2 * maps + (channels != before or max(plan.strides[stage]) > 1)
        if stage < plan.stages - 1:
            maps += plan.convs_decoder[stage] + 1  # and the transposed convolution
        total += maps * channels * voxels[stage]
        before = channels
    return total


def multiunet_elements(plan: UNetPlan) -> int:
    """Elements of all convolutions' outputs of MultiUnet for one patch; its encoder begins at stage 1."""
    voxels, size = [], plan.patch_size
    for stride in plan.strides:
        size = divide(size, stride)
        voxels.append(math.prod(size))
    total = 2 * sum(map(math.prod, zip(plan.features, voxels[1:] + voxels[-1:], strict=True)))
    below = plan.features[-1]
    for stage in reversed(range(plan.stages - 1)):
        joined, below = below + plan.features[stage], plan.features[stage - 1] if stage else 1
        total += (joined + below) * voxels[stage]
    return total


# nnU-Net's own calibration: with batch 2 and mixed precision, 8 GB hold 560 million elements a sample of the
# plain network and 680 million of the one with residual encoder. MultiUnet: 8 bytes an element that autograd keeps
# in mixed precision (counted on a CPU; dropout's mask is a byte on a GPU), and 3 that the backward pass took beside
# them at its peak (on a CPU, halved for mixed precision).
RECIPES: dict[str, Recipe] = {
    "nnunet": Recipe((2,), 2, partial(feature_elements, residual=False), 8e9 / (2 * 560e6)),
    "resenc_unet": Recipe((1, 3, 4, 6), 1, partial(feature_elements, residual=True), 8e9 / (2 * 680e6)),
    "multiunet": Recipe((2,), 2, multiunet_elements, 11.0, max_stages=5),
}


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise ValueError(f"model.name: no network '{name}'; there are {', '.join(sorted(RECIPES))}")
    return RECIPES[name]


def _check_stages(topology: Topology, stages: int | None) -> None:
    patch = _text(topology.patch_size)
    if stages is not None and topology.stages < stages:
        raise ValueError(
            f"model.stages: a patch of {patch} allows {topology.stages}, got {stages}; "
            "lower it, set it to null, or choose a larger model.patch_size or a finer imaging.spacing_mm"
        )
    if topology.stages < 2:
        raise ValueError(
            f"model.patch_size: {patch} cannot be pooled even once; two axes must have {2 * MIN_EDGE} "
            f"voxels, or one {3 * MIN_EDGE}; choose a larger patch or a finer imaging.spacing_mm"
        )


def _check_patch(patch: Size, topology: Topology) -> None:
    if topology.patch_size == tuple(patch):
        return
    nearest = []
    for edge, divisor in zip(patch, topology.divisor, strict=True):
        below, above = edge // divisor * divisor, math.ceil(edge / divisor) * divisor
        nearest.append(str(above) if below in (0, above) else f"{below} or {above}")
    raise ValueError(
        f"model.patch_size: {_text(patch)} is not divisible by {_text(topology.divisor)}, the strides of "
        f"{topology.stages} stages; these would do: {' × '.join(nearest)}"
    )


def _text(size: Size) -> str:
    return "×".join(map(str, size))
