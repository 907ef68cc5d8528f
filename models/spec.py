"""What others must know of a network. Needs no torch.

A study never asks for a network's name: it reads the network's `ModelSpec`, which stands in the network's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.plan import Plan, Scans, Size, Spacing

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["BenchmarkInput", "ModelSpec", "Published", "PublishedCost", "Synthesiser", "voxels_within_memory"]

# Memory of a training per voxel and patch, for nnU-Net's plain network with 32 channels, by its planner's estimate.
ACTIVATION_BYTES_PER_VOXEL = 1.5e3
MAX_PATCH_VOXELS = 128**3

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class PublishedCost:
    """The cost of a network at its published size, as `python -m study.models` counts it; for forecasts.

    Attributes:
        flops_per_voxel: floating-point operations of the forward and backward pass, three times the forward pass.
        parameters: of the network.
        base_channels: channels of the first stage, with whose square the cost grows; None for a fixed size.
    """

    flops_per_voxel: float
    parameters: float
    base_channels: int | None = None


@dataclass(frozen=True)
class BenchmarkInput:
    """The input that a network is measured on, as in its paper or in its code.

    Attributes:
        size: voxels [D, H, W].
        modalities: names of the input channels.
        spacing_mm: [D, H, W].
    """

    size: Size
    modalities: tuple[str, ...]
    spacing_mm: Spacing


class Synthesiser(Protocol):
    """A torch module that can also give images: the network of a spec with `synthesises=True`."""

    training: bool

    @property
    def plan(self) -> Plan:
        """What the network is built from; slices are padded to sides that its `divisor` divides."""
        ...

    def train(self, mode: bool = True) -> Any:
        """As for any torch module."""
        ...

    def synthesise(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        """Every modality `[B, M, D, H, W]` from those that are present in `x` `[B, M, D, H, W]`."""
        ...


def voxels_within_memory(settings: Settings, batch_size: int) -> float:
    """The most voxels of a 3D patch for which a training fits `model.memory_gb`, roughly.

    Args:
        settings: the `model` section of a configuration, nested.
        batch_size: patches in a training batch.
    """
    base_channels: int = settings["base_channels"]
    memory_gb: float = settings["memory_gb"]
    per_voxel = ACTIVATION_BYTES_PER_VOXEL * base_channels / 32 * batch_size
    return min(memory_gb * 1e9 / per_voxel, float(MAX_PATCH_VOXELS))


@dataclass(frozen=True)
class Published:
    """How trained weights of a network come from its published implementation.

    Attributes:
        class_name: of the network there, by which it is recognised.
        rename: a state with the parameters' names there to one with our names; names that are ours already stay.
        plan: `(architecture, modalities, n_classes, patch_size) -> Plan` from the arguments that the network there was
            built with. Raises ValueError, the text being the reason alone, where our network differs.
    """

    class_name: str
    rename: Callable[[Mapping[str, Tensor]], dict[str, Tensor]]
    plan: Callable[[Settings, Sequence[str], int, Sequence[int]], Plan]


@dataclass(frozen=True)
class ModelSpec:
    """Everything that a study must know of a network.

    A network of your own plugs in with an entry point in your package's `pyproject.toml`::

        [project.entry-points."fadeout.models"]
        mynet = "mypackage.spec:SPEC"

    where `SPEC` is a `ModelSpec`. `model.name=mynet` then chooses it. The module that holds the spec, and the planner,
    must not import torch; import the network inside `build`. `study.testing.models` tests the whole contract.

    Attributes:
        plan: planner `(name, settings, scans) -> Plan`. `name` is the network's name. `settings` is the whole `model`
            section of the configuration as a nested mapping; with a `settings` type below, `settings["settings"]`
            holds your own settings, validated, with defaults filled in, as a plain mapping. `scans` describes the
            training subjects. Raises ValueError with the setting's path, what is wrong and what would be right.
        plan_type: the type that `plan` returns, a frozen dataclass derived from `Plan`.
        build: gives the network of a plan, freshly initialised. The network keeps it as its attribute `plan`.
        cost: for forecasts.
        benchmark: the input that `python -m study.models` measures the network on.
        largest_patch: from the `model` section and the batch size to the most voxels that a patch can hold when
            `model.patch_size` is not set, for forecasts.
        fewest_modalities: that the network can be trained on, in every sample.
        criterion: name of the training criterion that the network needs; None for a supervised one that reads logits.
        synthesises: whether the network is a `Synthesiser`.
        learns: whether it has parameters to train; without, a training only tells the loss.
        reads: the modalities that it reads; None for all that it is planned for.
        takes_channels: whether channels that are computed from modalities may stand behind these; not where the network
            asks for its modalities by name.
        takes_filler: whether a learned filler may stand for modalities that are not given; not where the network reads
            nothing of these.
        normalisation: the `imaging.normalisation` that it needs; None for any.
        published: how its published implementation's weights are read; None where there is none that is known.
        settings: None, or the type of the network's own settings, `model.settings` in a configuration: a pydantic
            model or a dataclass with a default for every field.
    """

    plan: Callable[[str, Settings, Scans], Plan]
    plan_type: type[Plan]
    build: Callable[[Any], nn.Module]
    cost: PublishedCost
    benchmark: BenchmarkInput
    largest_patch: Callable[[Settings, int], float] = voxels_within_memory
    fewest_modalities: int = 1
    criterion: str | None = None
    synthesises: bool = False
    learns: bool = True
    reads: tuple[str, ...] | None = None
    takes_channels: bool = True
    takes_filler: bool = True
    normalisation: str | None = None
    published: Published | None = None
    settings: type | None = None

    @property
    def sees_stacks(self) -> bool:
        """Whether the network runs over slices in order; see `Plan.sees_stacks`."""
        return self.plan_type.sees_stacks
