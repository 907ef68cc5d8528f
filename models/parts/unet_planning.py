"""From the cohort's median shape and spacing to a U-Net whose training fits the memory, by nnU-Net's rules.

Isensee et al., nnU-Net, Nature Methods 2021; residual encoder: nnU-Net Revisited, MICCAI 2024.
All shapes, strides and spacings are [D, H, W]. Needs no torch.

Deviations: the batch size is given, not planned; an axis is never shrunk below the smallest feature map; and
settings that cannot be planned are an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from models.parts.sizes import nearest_multiples, size_text
from models.parts.topology import (
    MIN_EDGE,
    Topology,
    divide,
    first_patch,
    plan_topology,
    product,
    shrink,
)
from models.plan import Plan, Scans, Size


@dataclass(frozen=True)
class Recipe:
    """What distinguishes the planning of one U-Net from another's.

    Attributes:
        encoder: convolutions (or residual blocks) of each encoder stage; the last number repeats.
        decoder: convolutions of each decoder stage.
        bytes_per_element: memory of a training over the feature map elements of its batch.
        max_stages: planned at most; None: any number.
    """

    encoder: tuple[int, ...]
    decoder: int
    bytes_per_element: float
    max_stages: int | None = None


@dataclass(frozen=True)
class UNetPlan(Plan):
    """What a 3D U-Net is built from; each network has its own type with its `recipe` and `elements`.

    Attributes:
        strides: of each encoder stage; the first is (1, 1, 1).
        kernel_sizes: of each stage's convolutions; 1 along an axis still much coarser than the others.
        features: channels of each stage.
        convs_encoder: convolutions or blocks of each stage.
        convs_decoder: convolutions of each decoder stage, highest resolution first.
        deep_supervision: whether training gives logits at every decoder resolution.
    """

    recipe: ClassVar[Recipe]

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
        """The sizes that an input must be divisible by."""
        return product(self.strides)

    def elements(self) -> int:
        """Feature map elements of one patch."""
        raise NotImplementedError

    def memory_gb(self, batch_size: int) -> float:
        """Estimated memory of a training, in 10⁹ bytes: feature map elements × batch × bytes per element.

        The bytes per element (`recipe`) are for GPUs with mixed precision; those of nnU-Net's networks are its own
        calibration, so that a budget leads to nnU-Net's patch. On a CPU in single precision, forward and backward
        took 1.4 to 2.0 times the estimate (nnU-Net's two networks, 8 and 32 channels, patches of 260 to 295 thousand
        voxels, batch 2).
        """
        return self.elements() * batch_size * self.recipe.bytes_per_element / 1e9

    def describe(self) -> list[str]:
        """A table of the stages, one a line, heads first."""
        lines = [f"{'stage':<7}{'stride':<11}{'kernel':<11}channels"]
        stages = zip(self.strides, self.kernel_sizes, self.features, strict=True)
        for stage, (stride, kernel, channels) in enumerate(stages):
            lines.append(f"{stage:<7}{_spaced(stride):<11}{_spaced(kernel):<11}{channels}")
        return lines


P = TypeVar("P", bound=UNetPlan)


def plan_unet(plan_type: type[P], settings: Mapping[str, Any], scans: Scans) -> P:
    """The largest patch, and its network, whose training fits the memory.

    Args:
        plan_type: of the network; its `recipe` and `elements` are read.
        settings: the `model` section of a configuration. `base_channels` are those of the first stage, doubled at
            each stage up to `max_channels`; with `stages` null there are as many as patch and recipe allow, else
            exactly so many; a given `patch_size` is kept, whatever `memory_gb` is.
        scans: the training subjects.

    Raises:
        ValueError: the stages, the patch or the memory cannot be had; says what could.
    """
    stages, patch, memory_gb = settings["stages"], settings["patch_size"], settings["memory_gb"]
    most, least = stages or plan_type.recipe.max_stages, stages or 2
    first = patch or first_patch(scans.median_shape, scans.spacing_mm)
    topology = plan_topology(first, scans.spacing_mm, most)
    _check_stages(topology, stages)
    plan = _network(plan_type, topology, settings, scans)
    if patch is not None:
        _check_patch(patch, topology)
        return plan
    while (needed_gb := plan.memory_gb(scans.batch_size)) > memory_gb:
        smaller = shrink(topology, scans.median_shape, scans.spacing_mm, most, least)
        if smaller is None:
            raise ValueError(
                f"model.memory_gb: the smallest patch, {size_text(topology.patch_size)}, with {topology.stages} "
                f"stages needs {needed_gb:.3g} GB, got {memory_gb:g}; give more, "
                "or lower model.base_channels, model.stages or trainer.batch_size"
            )
        topology = smaller
        plan = _network(plan_type, topology, settings, scans)
    return plan


def _network(plan_type: type[P], topology: Topology, settings: Mapping[str, Any], scans: Scans) -> P:
    recipe, n = plan_type.recipe, topology.stages
    return plan_type(
        modalities=scans.modalities,
        n_classes=scans.n_classes,
        patch_size=topology.patch_size,
        strides=topology.strides,
        kernel_sizes=topology.kernel_sizes,
        features=tuple(
            min(settings["base_channels"] * 2**stage, settings["max_channels"]) for stage in range(n)
        ),
        convs_encoder=(recipe.encoder + recipe.encoder[-1:] * n)[:n],
        convs_decoder=(recipe.decoder,) * (n - 1),
        deep_supervision=settings["deep_supervision"],
    )


def stage_voxels(plan: UNetPlan) -> list[int]:
    """Voxels of a patch at each stage."""
    voxels, size = [], plan.patch_size
    for stride in plan.strides:
        size = divide(size, stride)
        voxels.append(math.prod(size))
    return voxels


def feature_elements(plan: UNetPlan, *, residual: bool) -> int:
    """Elements of all convolutions' outputs for one patch; as nnU-Net counts them, with one head."""
    voxels = stage_voxels(plan)
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


def _check_stages(topology: Topology, stages: int | None) -> None:
    patch = size_text(topology.patch_size)
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
    nearest = (nearest_multiples(*sides) for sides in zip(patch, topology.divisor, strict=True))
    raise ValueError(
        f"model.patch_size: {size_text(patch)} is not divisible by {size_text(topology.divisor)}, the strides of "
        f"{topology.stages} stages; these would do: {' × '.join(nearest)}"
    )


def _spaced(size: Size) -> str:
    return " x ".join(map(str, size))
