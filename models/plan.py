"""What every network is built from, and what it is planned for. Needs no torch.

A plan holds every size of a network, so that a study, a bundle and a transfer build the same one. Each network adds
its own fields. All shapes are [D, H, W].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from reprlib import repr as shortened
from types import NoneType, UnionType
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

__all__ = ["Plan", "Scans", "Size", "Spacing"]

# No network comes near; a plan may come from a stranger, and building what it asks for must not take for ever.
LARGEST_NUMBER = 2**16
MOST_ITEMS = 256
MOST_PATCH_VOXELS = 2**27

Size = tuple[int, int, int]
Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Scans:
    """The training subjects as a planner sees them.

    Attributes:
        modalities: names of the input channels, in order: modalities, and behind them channels computed from them.
        median_shape: voxels of the median training subject after resampling.
        spacing_mm: voxel spacing after resampling.
        batch_size: patches in a training batch.
        n_classes: classes, background included.
    """

    modalities: tuple[str, ...]
    median_shape: Size
    spacing_mm: Spacing
    batch_size: int
    n_classes: int = 2


@dataclass(frozen=True)
class Plan:
    """The fields that all plans share.

    Attributes:
        modalities: names of the M input channels, in order; channels that are computed from others are among them.
        n_classes: logits K, background included.
        patch_size: voxels of a training patch and of an inference window.
    """

    sees_stacks: ClassVar[bool] = False
    """Whether the network runs over slices in order, so that their spacing may differ between modalities."""

    modalities: tuple[str, ...]
    n_classes: int
    patch_size: Size

    @property
    def n_inputs(self) -> int:
        """The number of input channels M."""
        return len(self.modalities)

    @property
    def divisor(self) -> Size:
        """The sizes that an input must be divisible by."""
        return 1, 1, 1

    @property
    def minimum_slices(self) -> int:
        """The fewest slices a subject may have."""
        return 1

    @property
    def stacked(self) -> tuple[str, ...]:
        """The modalities that are concatenated as channels of the first convolution, in order."""
        return self.modalities

    def widened(self) -> Self:
        """The same plan with one more modality, which shows along which axes of a parameter modalities lie."""
        return replace(self, modalities=(*self.modalities, "one more"))

    def memory_gb(self, batch_size: int) -> float | None:
        """Estimated memory of a training with mixed precision, in 10⁹ bytes; None without an estimate."""
        return None

    def describe(self) -> list[str]:
        """The fields of this network's own, one a line."""
        shared = {field.name for field in fields(Plan)}
        own = {key: value for key, value in self.to_dict().items() if key not in shared}
        width = max(map(len, own), default=0)
        return [f"{key:<{width}}  {value}" for key, value in own.items()]

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)

    def check(self) -> Self:
        """The plan itself, if its values have the types of their fields and sizes that a network can have.

        Fields of other types than numbers, texts and tuples of them are left to the network.

        Raises:
            ValueError: names the field.
        """
        kinds = get_type_hints(type(self))
        for field in fields(self):
            value = getattr(self, field.name)
            if not _fits(value, kinds[field.name]):
                raise ValueError(
                    f"network plan: {field.name}: must be {field.type}, numbers up to {LARGEST_NUMBER}, "
                    f"got {shortened(value)}"
                )
        if min(self.patch_size) < 1 or math.prod(self.patch_size) > MOST_PATCH_VOXELS:
            raise ValueError(
                f"network plan: patch_size: must have 1 to {MOST_PATCH_VOXELS:,} voxels, got {self.patch_size}"
            )
        return self

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The plan that `to_dict` wrote; JSON's lists become tuples again.

        Raises:
            ValueError: a key is missing or unknown, or a value is none that a network can have (`check`).
        """
        names = {field.name for field in fields(cls)}
        if wrong := sorted(names ^ set(content)):
            raise ValueError(
                f"network plan: missing or unknown: {', '.join(wrong)}; a plan has {', '.join(sorted(names))}"
            )
        return cls(**{name: _tuples(value) for name, value in content.items()}).check()


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type, as annotations write it; True for types that are not looked into."""
    inner = get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple) or len(value) > MOST_ITEMS:
            return False
        kinds = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST_NUMBER
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value) and abs(value) <= LARGEST_NUMBER
    return isinstance(value, kind) if kind in (str, bool, NoneType) else True
