"""A small version of a network, for the checks of `study.testing.models`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from models import ModelSpec, Plan, Scans
from study.config import Model

__all__ = ["SCANS", "SMALL", "ModelCase"]

SCANS = Scans(("DWI", "SWAN", "PHASE"), (8, 16, 16), (4.0, 2.0, 2.0), 2)
SMALL: Mapping[str, Any] = {
    "base_channels": 4,
    "max_channels": 8,
    "stages": 3,
    "patch_size": SCANS.median_shape,
    "slices": SCANS.median_shape[0],
    "recurrent": {"conv_channels": 2, "logic_scales": 3, "multiplicity": 2},
    "attention": {"patch_dwi": 8, "patch_swan": 4, "channels": 8},
    "unified": {"channels": 4, "decoder_channels": 4},
    "densenet": {"first_channels": 4, "growth": 2, "layers": 2, "blocks": 2},
}
"""The `model` section for a small version of each of our networks."""


@dataclass(frozen=True)
class ModelCase:
    """A small version of a network, to be checked.

    Attributes:
        name: `model.name` of the network.
        spec: of the network.
        changes: keys of the `model` section that differ from `SMALL`; `settings` holds the network's own.
        scans: that the network is planned for.
        device: that the network runs on.
    """

    name: str
    spec: ModelSpec
    changes: Mapping[str, Any] = field(default_factory=dict)
    scans: Scans = SCANS
    device: str = "cpu"

    def settings(self) -> dict[str, Any]:
        """The whole `model` section, as a planner gets it.

        Raises:
            pydantic.ValidationError: a change is no legal setting.
        """
        changes = dict(self.changes)
        own = changes.pop("settings", {})
        section = Model.model_validate({**SMALL, **changes}).model_dump()
        if self.spec.settings is None:
            return section | {"name": self.name}
        adapter: TypeAdapter[Any] = TypeAdapter(self.spec.settings)
        return section | {"name": self.name, "settings": adapter.dump_python(adapter.validate_python(own))}

    def plan(self) -> Plan:
        """The plan for these settings and scans."""
        return self.spec.plan(self.name, self.settings(), self.scans)

    def network(self) -> nn.Module:
        """The network, with the same weights at each call."""
        torch.manual_seed(0)
        return self.spec.build(self.plan()).to(self.device)

    def images(self) -> Tensor:
        """Noise `[2, M, D, H, W]`, the same at each call: two patches with all modalities."""
        generator = torch.Generator().manual_seed(0)
        shape = (2, len(self.scans.modalities), *self.plan().patch_size)
        return torch.randn(shape, generator=generator).to(self.device)

    def subsets(self) -> Iterator[tuple[float, ...]]:
        """Every non-empty availability subset as flags [M]."""
        return (flags for flags in product((0.0, 1.0), repeat=len(self.scans.modalities)) if any(flags))

    def given(self, flags: tuple[float, ...]) -> tuple[Tensor, Tensor]:
        """The images with only some modalities, and presence `[2, M]`."""
        present = torch.tensor([flags, flags], device=self.device)
        return self.images() * present[:, :, None, None, None], present
