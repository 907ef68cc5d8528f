"""The transfer layer against sliding windows and torch's max pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import naive_recurrent as naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.parts import pooling
from models.parts.scratch import Scratch

Windows = Sequence[tuple[int, int]]


def descending(largest: int, groups: int) -> st.SearchStrategy[list[int]]:
    edges = st.lists(st.integers(1, largest), min_size=groups, max_size=groups, unique=True)
    return edges.map(lambda found: sorted(found, reverse=True))


@st.composite
def images_and_windows(draw: st.DrawFn) -> tuple[Tensor, Windows]:
    height, width = draw(st.integers(1, 17)), draw(st.integers(1, 17))
    groups, channels = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    high, wide = draw(descending(40, groups)), draw(descending(40, groups))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    numbers = torch.randperm(groups * channels * height * width, generator=generator) - 7.0
    return numbers.view(groups, channels, height, width), list(zip(high, wide, strict=True))


def transferred(x: Tensor, windows: Windows) -> Tensor:
    out = torch.empty_like(x)
    pooling.transfer(x, windows, out, Scratch(x.device))
    return out


def gradient_of(x: Tensor, windows: Windows, gradient: Tensor) -> Tensor:
    out = torch.full_like(x, torch.nan)
    pooling.transfer_gradient(x, windows, gradient, out, Scratch(x.device))
    return out


def slid(x: Tensor, windows: Windows) -> Tensor:
    """torch's own pooling, less the last row and column where a window is even."""
    height, width = x.shape[-2:]
    groups = [
        F.max_pool2d(group, window, 1, (window[0] // 2, window[1] // 2))[..., :height, :width]
        for group, window in zip(x, windows, strict=True)
    ]
    return torch.stack(groups)


@pytest.fixture(params=["a group at a time", "all at once"])
def blocks(request: pytest.FixtureRequest) -> Callable[..., object] | None:
    """None: as on this machine; else all groups at once, as on GPUs."""
    return None if request.param == "a group at a time" else lambda x, windows: iter([(..., windows)])


@settings(deadline=None)
@given(case=images_and_windows(), together=st.booleans())
def test_it_equals_torch_s_pooling_for_all_sizes_and_windows(
    case: tuple[Tensor, Windows], together: bool
) -> None:
    x, windows = case
    with pytest.MonkeyPatch.context() as patch:
        if together:
            patch.setattr(pooling, "_blocks", lambda x, windows: iter([(..., windows)]))
        assert torch.equal(transferred(x, windows), slid(x, windows))


@settings(deadline=None)
@given(case=images_and_windows(), together=st.booleans())
def test_its_gradient_equals_that_of_torch_s_pooling(case: tuple[Tensor, Windows], together: bool) -> None:
    x, windows = case
    upstream = torch.arange(x.numel(), dtype=x.dtype).view(x.shape) + 1
    x = x.requires_grad_()
    slid(x, windows).backward(upstream)
    with pytest.MonkeyPatch.context() as patch:
        if together:
            patch.setattr(pooling, "_blocks", lambda x, windows: iter([(..., windows)]))
        torch.testing.assert_close(gradient_of(x.detach(), windows, upstream), x.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_equals_windows_slid_by_hand_in_every_precision(
    dtype: torch.dtype, blocks: Callable[..., object] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if blocks is not None:
        monkeypatch.setattr(pooling, "_blocks", blocks)
    windows = [(20, 14), (10, 7), (5, 3), (2, 1)]
    x = torch.randn(2, 4, 3, 10, 7, generator=torch.Generator().manual_seed(0)).to(dtype)
    given = x.transpose(0, 2).contiguous().transpose(0, 2)  # any order in memory
    for one, result in zip(x, transferred(given, windows), strict=True):
        expected = naive.transfer(one.double().flatten(0, 1).numpy(), windows)
        assert np.array_equal(result.double().flatten(0, 1).numpy(), expected)


def test_windows_of_powers_of_two_from_twice_the_image_down_to_a_pixel() -> None:
    x = torch.arange(16.0).view(1, 1, 1, 16).repeat(6, 1, 1, 1)
    result = transferred(x, [(32 >> i, 32 >> i) for i in range(6)])[:, 0, 0]
    assert result[0].tolist() == [15] * 16  # 32: global
    assert result[1].tolist() == [7, 8, 9, 10, 11, 12, 13, 14, 15, 15, 15, 15, 15, 15, 15, 15]  # 16: -8 … 7
    assert result[4].tolist() == [float(i) for i in range(16)]  # 2: -1 … 0
    assert result[5].tolist() == [float(i) for i in range(16)]  # 1


def test_of_equal_maxima_exactly_one_gets_the_gradient() -> None:
    x = torch.tensor([[3.0, 1.0, 3.0, 0.0, -0.0, -2.0, -2.0]]).view(1, 1, 1, 7)
    gradient = gradient_of(x, [(1, 3)], torch.ones(1, 1, 1, 7)).flatten()
    assert gradient[1] == 0
    assert gradient[[0, 2]].sum() == 4  # the windows around 0, 1, 2 and 3
    assert gradient[[3, 4]].sum() == 2  # around 4 and 5
    assert sorted(gradient[[5, 6]].tolist()) == [0, 1]  # around 6
    of_zeros = gradient_of(torch.zeros(1, 1, 5, 5), [(9, 9)], torch.ones(1, 1, 5, 5)).flatten()
    assert sorted(of_zeros.tolist()) == [0.0] * 24 + [25.0]


def test_nan_and_infinity_pass_through_and_do_no_harm_on_the_way_back() -> None:
    x = torch.zeros(1, 2, 3, 3)
    x[0, 0, 1, 1], x[0, 1, 0, 0] = torch.nan, torch.inf
    result = transferred(x, [(3, 3)])
    assert result[0, 0].isnan().all()
    assert result[0, 1, :2, :2].isinf().all()
    assert gradient_of(x, [(3, 3)], torch.ones_like(x)).sum() == 18


def test_gradients_of_half_precision_are_summed_in_single() -> None:
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    gradient = gradient_of(x, [(128, 128)], torch.ones_like(x))
    assert gradient.dtype == torch.bfloat16
    assert gradient.amax() == gradient.double().sum() == 64 * 64
