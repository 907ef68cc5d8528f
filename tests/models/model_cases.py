"""A small plan of every network, for tests that hold for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models import Plan, Scans, plan_model
from study.config import Model

MODALITIES = ("DWI", "SWAN", "PHASE")
PATCH = (8, 16, 16)
SPACING_MM = (4.0, 2.0, 2.0)
SMALL: dict[str, Any] = {
    "base_channels": 4,
    "max_channels": 8,
    "stages": 3,
    "patch_size": PATCH,
    "slices": PATCH[0],
    "recurrent": {"conv_channels": 2, "logic_scales": 3, "multiplicity": 2},
    "attention": {"patch_dwi": 8, "patch_swan": 4, "channels": 8},
    "unified": {"channels": 4, "decoder_channels": 4},
    "densenet": {"first_channels": 4, "growth": 2, "layers": 2, "blocks": 2},
}


def small_plan(name: str, modalities: Sequence[str] = MODALITIES, **changes: Any) -> Plan:
    """The plan of the network called `name` with few channels; `changes` are keys of `model.`."""
    settings = Model.model_validate({**SMALL, "name": name, **changes}).model_dump()
    return plan_model(name, settings, Scans(tuple(modalities), PATCH, SPACING_MM, 2))
