"""Plans of the 2.5D DenseNet: planes, patches and memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models import Scans, plan_model, read_plan
from models.tiramisu.plan import DenseNetPlan

DENSENET = {"first_channels": 48, "growth": 12, "layers": 4, "blocks": 5, "slices": 3}
SETTINGS: dict[str, Any] = {"patch_size": None, "memory_gb": 8.0, "dropout": 0.2, "densenet": DENSENET}
ALL = (0, 1, 2)


def planned(
    median_shape: tuple[int, int, int] = (30, 250, 220),
    spacing_mm: tuple[float, float, float] = (5.0, 0.9, 0.9),
    batch_size: int = 2,
    **changes: Any,
) -> DenseNetPlan:
    settings = SETTINGS | changes
    settings["densenet"] = DENSENET | changes.get("densenet", {})
    plan = plan_model("tiramisu", settings, Scans(("DWI", "ADC", "B0"), median_shape, spacing_mm, batch_size))
    assert isinstance(plan, DenseNetPlan)
    return plan


def test_anisotropic_scans_are_seen_in_the_plane_they_were_acquired_in() -> None:
    plan = planned()
    assert plan.planes == (0,)
    assert plan.patch_size == (4, 256, 224)
    assert planned(spacing_mm=(0.9, 0.9, 5.0), median_shape=(250, 220, 30)).planes == (2,)
    assert planned(spacing_mm=(0.9, 0.9, 5.0), median_shape=(250, 220, 30)).patch_size == (256, 224, 4)


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)], ids=str)
def test_other_scans_are_seen_in_all_planes(spacing_mm: tuple[float, float, float]) -> None:
    plan = planned((150, 190, 160), spacing_mm, memory_gb=1000.0)
    assert plan.planes == ALL
    assert plan.patch_size == (160, 192, 160)


@pytest.mark.parametrize(("slices", "depth"), [(1, 1), (3, 4), (5, 8), (7, 10)])
def test_a_patch_is_twice_as_thick_as_a_slice_has_neighbours(slices: int, depth: int) -> None:
    assert planned((10, 64, 64), densenet={"slices": slices}).patch_size == (depth, 64, 64)


def test_short_sides_are_padded_and_no_block_is_left_out() -> None:
    plan = planned((3, 20, 33))
    assert plan.patch_size == (3, 32, 64)
    assert plan.blocks == 5


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (5.0, 1.0, 1.0)], ids=str)
@pytest.mark.parametrize("batch_size", [2, 8])
def test_planned_patches_fit_the_memory(batch_size: int, spacing_mm: tuple[float, float, float]) -> None:
    plan = planned((96, 250, 250), spacing_mm, batch_size, memory_gb=4.0)
    assert plan.memory_gb(batch_size) <= 4.0
    assert all(edge % divisor == 0 for edge, divisor in zip(plan.patch_size, plan.divisor, strict=True))
    sides = sorted(edge for edge, divisor in zip(plan.patch_size, plan.divisor, strict=True) if divisor > 1)
    assert sides[-1] - sides[0] <= 32


def test_memory_that_no_patch_fits_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"model\.memory_gb: the smallest patch, 4×32×32, needs .* GB, got 0\.01"
    ):
        planned(memory_gb=0.01)


@pytest.mark.parametrize(
    ("patch", "spacing_mm", "message"),
    [
        (
            (12, 100, 128),
            (5.0, 1.0, 1.0),
            r"12×100×128 is not divisible by 1×32×32: .* would do: 12 × 96 or 128 × 128",
        ),
        (
            (12, 128, 128),
            (1.0, 1.0, 1.0),
            r"12×128×128 is not divisible by 32×32×32: .* would do: 32 × 128 × 128",
        ),
        ((1, 32, 32), (5.0, 1.0, 1.0), r"1×32×32 is one voxel after 5 blocks .* would do: 1×32×64 and more"),
    ],
    ids=str,
)
def test_a_patch_that_blocks_cannot_halve_is_answered_with_those_that_would_do(
    patch: tuple[int, int, int], spacing_mm: tuple[float, float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=r"model\.patch_size: " + message):
        planned(patch_size=patch, spacing_mm=spacing_mm, batch_size=1)


def test_a_given_patch_is_kept_whatever_the_memory() -> None:
    assert planned(patch_size=(7, 96, 128), memory_gb=0.01).patch_size == (7, 96, 128)


def test_a_plan_survives_json() -> None:
    plan = planned(dropout=0.1)
    assert read_plan("tiramisu", json.loads(json.dumps(plan.to_dict()))) == plan
