"""Shapes to augment, and augmentation reduced to what a test names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from study.imaging import augment as module


def ball(shape: tuple[int, int, int], radius: float) -> NDArray[np.uint8]:
    centred = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    return ((centred**2).sum(0) <= radius**2).astype(np.uint8)


def only(monkeypatch: pytest.MonkeyPatch, **kept: Any) -> None:
    """No rotation, scaling, mirroring or change of intensities but those named."""
    off = {"ROTATION_P": 0, "SCALING_P": 0, "MIRROR_P": 0, "EFFECTS": ()}
    for name, value in (off | kept).items():
        monkeypatch.setattr(module, name, value)
