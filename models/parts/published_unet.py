"""The U-Nets of the package dynamic-network-architectures, in which nnU-Net's trained weights come.

Its modules keep each convolution and norm twice (in a block and in its `all_modules`), and the encoder a second time in
the decoder; here each parameter has one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from models.parts.unet_planning import UNetPlan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["plan_of", "rename"]

PlanType = TypeVar("PlanType", bound=UNetPlan)
Tensors = Mapping[str, "Tensor"]

PREFIXES = re.compile(r"^(?:module\.|_orig_mod\.)+")  # of distributed and of compiled networks
COPIES = re.compile(r"(^decoder\.encoder\.)|(\.all_modules\.)")
BLOCK = {"conv": "0", "norm": "1"}
NAMES = (
    (r"encoder\.stem\.convs\.0\.(?P<part>conv|norm)", "stem.{part}"),
    (r"encoder\.stages\.(?P<s>\d+)\.0\.convs\.(?P<b>\d+)\.(?P<part>conv|norm)", "encoder.{s}.{b}.{part}"),
    (
        r"encoder\.stages\.(?P<s>\d+)\.blocks\.(?P<b>\d+)\.(?P<c>conv[12])\.(?P<part>conv|norm)",
        "encoder.{s}.{b}.{c}.{part}",
    ),
    (
        r"encoder\.stages\.(?P<s>\d+)\.blocks\.(?P<b>\d+)\.skip\.(?P<k>\d)\.(?P<part>conv|norm)",
        "encoder.{s}.{b}.skip.{k}.{part}",
    ),
    (r"decoder\.stages\.(?P<s>\d+)\.convs\.(?P<b>\d+)\.(?P<part>conv|norm)", "decoder.stages.{s}.{b}.{part}"),
    (r"decoder\.transpconvs\.(?P<s>\d+)", "decoder.ups.{s}"),
    (r"decoder\.seg_layers\.(?P<s>\d+)", "decoder.heads.{s}"),
)
"""The package's module, and ours."""


def rename(state: Tensors) -> dict[str, Tensor]:
    """The package's state under our names; names that are ours already stay."""
    renamed = {}
    for key, tensor in state.items():
        plain = PREFIXES.sub("", key)
        if not COPIES.search(plain):
            renamed[_ours(plain)] = tensor
    return renamed


def plan_of(
    kind: type[PlanType],
    architecture: Mapping[str, Any],
    modalities: Sequence[str],
    n_classes: int,
    patch_size: Sequence[int],
) -> PlanType:
    """The plan of a network that the package would build.

    Args:
        kind: the network's own plan type.
        architecture: the package's arguments, as nnU-Net's plans hold them under `arch_kwargs`.
        modalities: names of the input channels, in order.
        n_classes: background included.
        patch_size: [D, H, W].

    Raises:
        ValueError: the network is not one that is built here, such as one in 2D or with dropout.
    """
    _check(architecture)
    stages = int(architecture["n_stages"])
    encoder = architecture.get("n_conv_per_stage", architecture.get("n_blocks_per_stage"))
    return kind(
        modalities=tuple(modalities),
        n_classes=n_classes,
        patch_size=_three(patch_size),
        strides=tuple(_three(size) for size in architecture["strides"]),
        kernel_sizes=tuple(_three(size) for size in architecture["kernel_sizes"]),
        features=tuple(int(channels) for channels in architecture["features_per_stage"]),
        convs_encoder=_repeated(encoder, stages),
        convs_decoder=_repeated(architecture["n_conv_per_stage_decoder"], stages - 1),
        deep_supervision=True,
    )


def _ours(key: str) -> str:
    module, _, kind = key.rpartition(".")
    for pattern, name in NAMES:
        if match := re.fullmatch(pattern, module):
            groups = match.groupdict()
            return name.format(**{**groups, "part": BLOCK.get(groups.get("part", ""), "")}) + f".{kind}"
    return key


EXPECTED = {
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "dropout_op": None,
    "nonlin": "torch.nn.LeakyReLU",
    "conv_bias": True,
}
"""What our networks are made of, as nnU-Net's plans write it."""


def _check(architecture: Mapping[str, Any]) -> None:
    for key, wanted in EXPECTED.items():
        given = architecture.get(key, wanted)
        same = given == wanted or (
            isinstance(given, str)
            and isinstance(wanted, str)
            and given.rpartition(".")[2] == wanted.rpartition(".")[2]
        )
        if not same:
            raise ValueError(f"its architecture has {key}={given}; networks here have {key}={wanted}")


def _repeated(numbers: Any, stages: int) -> tuple[int, ...]:
    return (int(numbers),) * stages if isinstance(numbers, int) else tuple(int(number) for number in numbers)


def _three(size: Sequence[int] | int) -> tuple[int, int, int]:
    depth, rows, columns = (size,) * 3 if isinstance(size, int) else size
    return int(depth), int(rows), int(columns)
