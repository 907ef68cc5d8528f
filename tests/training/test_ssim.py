from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from study.training import ssim
from study.training.ssim import structural_similarity


def reference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The SSIM voxel by voxel, over a window of 11 voxels along each axis, with zeros beyond the border."""
    values = []
    for x, y in zip(first.reshape(-1, *first.shape[2:]), second.reshape(-1, *second.shape[2:]), strict=True):
        for centre in np.ndindex(x.shape):
            sums = dict.fromkeys(("w", "x", "y", "xx", "yy", "xy"), 0.0)
            for offset in itertools.product(range(-5, 6), repeat=x.ndim):
                weight = math.exp(-sum(step**2 for step in offset) / (2 * 1.5**2))
                sums["w"] += weight
                at = tuple(c + step for c, step in zip(centre, offset, strict=True))
                if all(0 <= a < edge for a, edge in zip(at, x.shape, strict=True)):
                    a, b = x[at], y[at]
                    for key, value in (("x", a), ("y", b), ("xx", a * a), ("yy", b * b), ("xy", a * b)):
                        sums[key] += weight * value
            mx, my, xx, yy, xy = (sums[key] / sums["w"] for key in ("x", "y", "xx", "yy", "xy"))
            vx, vy, cov = xx - mx**2, yy - my**2, xy - mx * my
            values.append(
                (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
            )
    return float(np.mean(values))


def maps(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two maps that are partly alike."""
    rng = np.random.default_rng(0)
    first = rng.normal(0.3, 1.0, shape)
    return torch.tensor(first), torch.tensor(0.6 * first + rng.normal(0.1, 0.5, shape))


@pytest.mark.parametrize("at_once", [1, 2**22])
@pytest.mark.parametrize(
    "shape", [(2, 2, 13, 12), (1, 3, 4, 20), (1, 1, 1, 1), (1, 2, 2, 3, 12), (2, 1, 1, 4, 4)], ids=str
)
def test_it_equals_the_sum_over_windows(
    shape: tuple[int, ...], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssim, "VOXELS_AT_ONCE", at_once)
    first, second = maps(*shape)
    expected = reference(first.numpy(), second.numpy())
    assert float(structural_similarity(first, second)) == pytest.approx(expected, abs=1e-5)
    single = structural_similarity(first.float(), second.float())
    assert single.dtype == torch.float32
    assert float(single) == pytest.approx(expected, abs=1e-5)


def test_channels_last_makes_no_difference() -> None:
    first, second = maps(2, 3, 2, 3, 4)
    expected = reference(first.numpy(), second.numpy())
    first, second = (each.contiguous(memory_format=torch.channels_last_3d) for each in (first, second))
    assert float(structural_similarity(first, second)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(1, 2, 6, 4), (1, 1, 3, 4, 2)], ids=str)
def test_gradients_are_those_of_finite_differences(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssim, "VOXELS_AT_ONCE", 1)
    pair = tuple(each.requires_grad_() for each in maps(*shape))
    assert torch.autograd.gradcheck(structural_similarity, pair)


@pytest.mark.parametrize("value", [0.0, 1.0, 300.0])
def test_equal_maps_are_alike(value: float) -> None:
    first, _ = maps(2, 2, 5, 14, 12)
    first = first.float() + value
    assert float(structural_similarity(first, first.clone())) == pytest.approx(1, abs=1e-6)


def test_maps_far_from_0_stay_within_bounds_in_single_precision() -> None:
    first = torch.full((1, 1, 24, 24), 300.0)
    assert 0 <= float(structural_similarity(first, first + 0.01)) <= 1.1


def test_gradient_ascent_makes_maps_alike() -> None:
    first, second = maps(1, 1, 12, 12)
    second.requires_grad_()
    optimizer = torch.optim.Adam([second], 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (-structural_similarity(first, second)).backward()
        optimizer.step()
    assert float(structural_similarity(first, second).detach()) > 0.95


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_is_compared_in_single(half: torch.dtype) -> None:
    first, second = (each.to(half).requires_grad_() for each in maps(1, 2, 12, 12))
    expected = reference(first.detach().double().numpy(), second.detach().double().numpy())
    with torch.autocast("cpu", torch.bfloat16):
        value = structural_similarity(first, second)
    assert value.dtype == torch.float32
    assert float(value.detach()) == pytest.approx(expected, abs=1e-5)
    value.backward()
    assert first.grad is not None
    assert first.grad.dtype == half


def test_two_halves_of_a_batch_average_to_its_similarity() -> None:
    first, second = maps(4, 2, 6, 6)
    halves = [structural_similarity(first[part], second[part]) for part in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(torch.stack(halves).mean(), structural_similarity(first, second))


def test_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \[1, 2, 4, 4\] and \[1, 2, 4, 5\]"):
        structural_similarity(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 5))
