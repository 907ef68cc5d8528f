"""What every network is built from, and what it is planned for. Needs no torch.

A plan holds every size of a network, so that a study, a bundle and a transfer build the same one. Each family of
networks adds its own fields; all shapes are [D, H, W].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from models.topology import Size, Spacing


@dataclass(frozen=True)
class Scans:
    """The training subjects as a planner sees them.

    Attributes:
        modalities: names of the input channels, in order.
        median_shape: voxels of the median training subject after resampling.
        spacing_mm: after resampling.
        batch_size: patches that are trained on together.
        n_classes: background included.
    """

    modalities: tuple[str, ...]
    median_shape: Size
    spacing_mm: Spacing
    batch_size: int
    n_classes: int = 2


@dataclass(frozen=True)
class Plan:
    """The part that all plans share.

    Attributes:
        modalities: names of the M input channels, in order.
        n_classes: logits K, background included.
        patch_size: voxels of a training patch and of an inference window.
    """

    modalities: tuple[str, ...]
    n_classes: int
    patch_size: Size

    @property
    def n_inputs(self) -> int:
        """The number of modalities M."""
        return len(self.modalities)

    @property
    def minimum_slices(self) -> int:
        """The fewest slices a subject may have."""
        return 1

    @property
    def takes_own_slices(self) -> bool:
        """Whether the slices of a patch may lie farther apart in one modality than in another."""
        return False

    @property
    def stacked(self) -> tuple[str, ...]:
        """The modalities that lie side by side in the channels of the first convolution."""
        return self.modalities

    def widened(self) -> Self:
        """The same plan with one more modality: its parameters tell along which axes modalities lie."""
        return replace(self, modalities=(*self.modalities, "one more"))

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` gave, lists in place of tuples allowed.

        Raises:
            ValueError: a key is missing or unknown.
        """
        names = {field.name for field in fields(cls)}
        if wrong := sorted(names ^ set(content)):
            raise ValueError(
                f"network plan: missing or unknown: {', '.join(wrong)}; a plan has {', '.join(sorted(names))}"
            )
        return cls(**{name: _tuples(value) for name, value in content.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
