"""Cross-attention and the upsampling block against their equations, and cheap ways against the plain ones."""

from __future__ import annotations

from typing import Any

import naive_recurrent as naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from models.parts.attention import CrossAttention, repeat_cells, repeat_tokens
from models.parts.upsampling import UpBlock, convolve_repeated


def attention(patch_dwi: int, patch_swan: int, *, skip_attended: bool = False) -> CrossAttention:
    attend = CrossAttention(2, 6, (16, 24), patches=(patch_dwi, patch_swan), skip_attended=skip_attended)
    return with_distinct_parameters(attend)


def with_distinct_parameters(module: Any) -> Any:
    """In double precision, and no parameter as it was initialised: a norm that is not applied would be seen."""
    generator = torch.Generator().manual_seed(0)
    for parameter in module.double().parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return module


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def state_of(module: nn.Module) -> dict[str, Any]:
    return {key: value.numpy() for key, value in module.state_dict().items()}


@pytest.mark.parametrize("skip_attended", [False, True])
@pytest.mark.parametrize("patches", [(8, 4), (8, 2), (4, 4)], ids=str)
def test_attention_follows_its_equations(patches: tuple[int, int], skip_attended: bool) -> None:
    module = attention(*patches, skip_attended=skip_attended)
    dwi, susceptibility = images(2, 1, 16, 24), images(2, 2, 16, 24)
    features = module(dwi, susceptibility).detach().numpy()
    assert features.shape == (2, 6, 16 // patches[1], 24 // patches[1])
    for n in range(2):
        expected = naive.cross_attention(
            dwi[n].numpy(),
            susceptibility[n].numpy(),
            state_of(module),
            skip_attended=skip_attended,
        )
        np.testing.assert_allclose(features[n], expected, rtol=1e-10, atol=1e-12)


@given(
    height=st.integers(1, 4),
    width=st.integers(1, 4),
    ratio=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
@settings(deadline=None)
def test_repeating_answers_equals_asking_with_repeated_queries(
    height: int, width: int, ratio: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    coarse, fine = 1 + height * width, 1 + height * width * ratio**2
    query, key, value = (
        torch.randn(2, rows, 5, generator=generator, dtype=torch.float64) for rows in (coarse, fine, fine)
    )

    def answers(to: Tensor) -> Tensor:
        return (to @ key.mT / 5**0.5).softmax(-1) @ value

    once = repeat_tokens(F.scaled_dot_product_attention(query, key, value), (height, width), ratio)
    often = answers(repeat_tokens(query, (height, width), ratio))
    torch.testing.assert_close(once, often, rtol=1e-12, atol=1e-12)


def test_cells_are_repeated_in_both_directions_and_the_class_token_is_not() -> None:
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert repeat_cells(image, 2)[0, 0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    tokens = torch.tensor([[[9.0], [1.0], [2.0]]])
    assert repeat_tokens(tokens, (1, 2), 2).flatten().tolist() == [9, 1, 1, 2, 2, 1, 1, 2, 2]


@given(
    size=st.tuples(st.integers(1, 4), st.integers(1, 5)),
    ratio=st.integers(1, 5),
    kernel=st.sampled_from([1, 3, 5, 7]),
    seed=st.integers(0, 1000),
)
@settings(deadline=None)
def test_convolving_on_the_coarse_grid_equals_convolving_what_is_upsampled(
    size: tuple[int, int], ratio: int, kernel: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, 3, *size, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, kernel, kernel, generator=generator, dtype=torch.float64, requires_grad=True)
    cheap = convolve_repeated(x, weight, ratio)
    plain = F.conv2d(F.interpolate(x, scale_factor=ratio), weight, padding=kernel // 2)
    torch.testing.assert_close(cheap, plain, rtol=1e-12, atol=1e-12)
    upstream = torch.cos(plain.detach())
    for one, other in zip(
        torch.autograd.grad(cheap, (x, weight), upstream),
        torch.autograd.grad(plain, (x, weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_the_upsampling_block_follows_its_equation(ratio: int) -> None:
    block = with_distinct_parameters(UpBlock(2, 5, ratio))
    features, susceptibility = images(2, 5, 8 // ratio, 12 // ratio), images(2, 2, 8, 12)
    result = block(features, susceptibility).detach().numpy()
    for n in range(2):
        expected = naive.up_block(features[n].numpy(), susceptibility[n].numpy(), state_of(block))
        np.testing.assert_allclose(result[n], expected, rtol=1e-10, atol=1e-12)


def test_gradients_are_those_of_finite_differences() -> None:
    module, block = attention(8, 4), with_distinct_parameters(UpBlock(2, 6, 4))
    dwi, susceptibility = images(1, 1, 16, 24).requires_grad_(), images(1, 2, 16, 24).requires_grad_()

    def features(*_: Tensor) -> Tensor:
        result: Tensor = block(module(dwi, susceptibility), susceptibility)
        return result

    inputs = (dwi, susceptibility, *module.parameters(), *block.parameters())
    assert torch.autograd.gradcheck(features, inputs, fast_mode=True)
