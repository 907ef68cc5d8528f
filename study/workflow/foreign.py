"""Reads weights trained elsewhere, a safetensors state dict or an nnU-Net checkpoint, without running code in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import Plan, find_model, model_names
from study.errors import ConfigError
from study.machine.tensors import read_header
from study.machine.untrusted import open_regular

if TYPE_CHECKING:
    from torch import Tensor

SAFETENSORS = ".safetensors"
STATE, ORIGIN = "network_weights", "init_args"  # keys of nnU-Net's checkpoint (nnU-Net v2)


@dataclass(frozen=True, eq=False)
class ForeignWeights:
    """The state of a network, and what its checkpoint states about it.

    Attributes:
        tensors: by the parameter names of the original implementation, or of ours.
        origin: training settings from an nnU-Net checkpoint; None for a plain state dict.
    """

    tensors: Mapping[str, Tensor]
    origin: NnunetOrigin | None = None


@dataclass(frozen=True)
class NnunetOrigin:
    """The network and settings of an nnU-Net training.

    Attributes:
        model: name of the network in this package.
        architecture: constructor arguments of the network.
        channels: names of the input channels, in order.
        n_classes: number of classes, background included.
        patch_size: [D, H, W].
        spacing_mm: [D, H, W].
        normalisation: nnU-Net's scheme for each channel.
    """

    model: str
    architecture: Mapping[str, Any]
    channels: tuple[str, ...]
    n_classes: int
    patch_size: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    normalisation: tuple[str, ...]

    def plan(self, modalities: Sequence[str]) -> Plan:
        """The plan of the network, with the cohort's modalities as names of its channels.

        Raises:
            ConfigError: this package cannot build the network.
        """
        published = find_model(self.model).published
        if published is None:
            raise ConfigError([f"weights: {self.model} has no published implementation"])
        try:
            return published.plan(self.architecture, modalities, self.n_classes, self.patch_size).check()
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ConfigError([f"weights: {error}; a network like that cannot be adopted"]) from None


def read_foreign(path: Path) -> ForeignWeights:
    """Read weights trained elsewhere.

    Args:
        path: a `.safetensors` file, or `checkpoint_final.pth` of nnU-Net.

    Raises:
        ConfigError: the file is missing, of another format, contains code, or holds an unknown network.
    """
    if not path.is_file():
        raise ConfigError([f"weights: there is no file {path}"])
    if path.suffix == SAFETENSORS:
        return ForeignWeights(_safetensors(path))
    content = _checkpoint(path)
    if STATE not in content or ORIGIN not in content:
        raise ConfigError(
            [
                f"weights: {path} is not a checkpoint of nnU-Net v2 ({STATE} or {ORIGIN} is missing); "
                "give checkpoint_final.pth, or a state dict as .safetensors"
            ]
        )
    return ForeignWeights(content[STATE], _origin(content[ORIGIN], path))


def _safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with open_regular(path, follow=True) as file:
            read_header(file, path.stat().st_size)
        loaded: dict[str, Tensor] = load_file(path)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise ConfigError([f"weights: {path} is damaged ({error}); copy it again"]) from None
    return loaded


def _checkpoint(path: Path) -> Mapping[str, Any]:
    """The content of a torch file that holds only tensors and plain values."""
    import numpy as np
    import torch
    from numpy._core.multiarray import scalar

    from study.training.checkpoint import DAMAGED

    plain: list[Any] = [scalar, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType]
    try:
        with torch.serialization.safe_globals(plain):  # nnU-Net logs losses as NumPy numbers
            content = torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGED as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            [
                f"weights: {path} is damaged, or holds more than tensors and plain values ({reason}); it is not read"
            ]
        ) from None
    return content if isinstance(content, Mapping) else {}


def _origin(origin: Mapping[str, Any], path: Path) -> NnunetOrigin:
    try:
        plans, dataset = origin["plans"], origin["dataset_json"]
        settings = _configuration(plans["configurations"], origin["configuration"])
        network = settings["architecture"]
        channels = dataset.get("channel_names", dataset.get("modality"))
        turned = list(plans.get("transpose_forward", [0, 1, 2])) != [0, 1, 2]
        found = NnunetOrigin(
            model=_model(network["network_class_name"]),
            architecture=network["arch_kwargs"],
            channels=tuple(str(channels[key]) for key in sorted(channels, key=int)),
            n_classes=len(dataset["labels"]),
            patch_size=_three(settings["patch_size"], int),
            spacing_mm=_three(settings["spacing"], float),
            normalisation=tuple(settings.get("normalization_schemes", ())),
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise ConfigError(
            [
                f"weights: {path}: its network description is not understood ({error!r}); use nnU-Net v2.5 or later"
            ]
        ) from None
    if turned:
        raise ConfigError(
            [f"weights: {path}: the network was trained on transposed axes, which is not supported"]
        )
    return found


def _configuration(known: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A configuration of nnU-Net's plans, with inherited settings."""
    own = dict(known[name])
    parent = own.pop("inherits_from", None)
    return {**(_configuration(known, parent) if parent else {}), **own}


def _model(class_name: str) -> str:
    """The name in this package of a published network."""
    short = class_name.rpartition(".")[2]
    known = {find_model(name).published: name for name in model_names()}
    names = {published.class_name: name for published, name in known.items() if published is not None}
    if short not in names:
        raise ConfigError([f"weights: its network is a {short}; known are {', '.join(sorted(names))}"])
    return names[short]


def _three(values: Sequence[Any], kind: type) -> Any:
    depth, rows, columns = (kind(value) for value in values)
    return depth, rows, columns
