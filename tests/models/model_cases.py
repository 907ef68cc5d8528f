"""A small plan of every network, for tests that hold for several of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from models import MODELS, Plan
from study.testing.models import SCANS, ModelCase

MODALITIES = SCANS.modalities
PATCH = SCANS.median_shape


def small_plan(name: str, modalities: Sequence[str] = MODALITIES, **changes: Any) -> Plan:
    """The plan of the network called `name` with few channels; `changes` are keys of `model`."""
    return ModelCase(name, MODELS[name], changes, replace(SCANS, modalities=tuple(modalities))).plan()
