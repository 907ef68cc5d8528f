"""Costs that can be counted by hand; 4 bytes a number, 2 operations a product."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from models.measuring import Cost, measure

SHAPE = (1, 2, 4, 4, 4)
VOXELS = 64
MAP = VOXELS * 3 * 4  # bytes of three channels
CPU = torch.device("cpu")


class Conv(nn.Module):
    """A convolution of 2 channels to 3 with a kernel of 3, and what follows it."""

    def __init__(self, follow: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 3, 3, padding=1)
        self.follow = follow

    def forward(self, x: Tensor) -> Tensor:
        return self.follow(self.conv(x))


class Attention(nn.Module):
    """Attention of 3 queries over 5 keys in 4 dimensions."""

    def forward(self, x: Tensor) -> Tensor:
        query, key = x.split((3, 5), -2)
        return F.scaled_dot_product_attention(query, key, key)


def cost_of(follow: Callable[[Tensor], Tensor]) -> Cost:
    return measure(lambda: Conv(follow), SHAPE, CPU)


def sigmoids(x: Tensor) -> Tensor:
    return x.sigmoid().sigmoid().sigmoid()


def test_parameters_and_operations_of_a_convolution_are_those_counted_by_hand() -> None:
    cost = cost_of(torch.relu)
    assert cost.parameters == 2 * 27 * 3 + 3
    assert cost.flops == 2 * VOXELS * 2 * 27 * 3


def test_relu_keeps_its_result_and_gelu_its_input_beside_the_output() -> None:
    assert cost_of(torch.relu).activation_bytes == MAP
    assert cost_of(F.gelu).activation_bytes == 2 * MAP


def test_each_sigmoid_keeps_its_result_and_recomputed_ones_keep_their_input() -> None:
    def recomputed(x: Tensor) -> Tensor:
        return checkpoint(sigmoids, x, use_reentrant=False)

    assert cost_of(sigmoids).activation_bytes == 3 * MAP
    assert cost_of(recomputed).activation_bytes == 2 * MAP


def test_memory_that_a_function_of_its_own_holds_counts() -> None:
    class Holding(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
            ctx.held = torch.zeros(1000)
            return x.clone()

        @staticmethod
        def backward(ctx, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
            return gradient

    assert cost_of(Holding.apply).activation_bytes == MAP + 4000


def test_a_view_of_a_weight_is_no_activation() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 2))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.weight.view(1, 2, 1, 1, 1)

    assert measure(Scaled, SHAPE, CPU).activation_bytes == VOXELS * 2 * 4


def test_attention_s_matrix_products_count_whatever_kernel_is_used() -> None:
    assert measure(Attention, (1, 1, 8, 4), CPU).flops == 2 * (2 * 3 * 5 * 4)


def test_what_is_done_in_training_only_counts() -> None:
    class TwiceInTraining(Conv):
        def forward(self, x: Tensor) -> Tensor | list[Tensor]:  # type: ignore[override]
            return [self.conv(x), self.conv(x)] if self.training else self.conv(x)

    cost = measure(lambda: TwiceInTraining(torch.relu), SHAPE, CPU)
    assert cost.flops == 2 * (2 * VOXELS * 2 * 27 * 3)
    assert cost.activation_bytes == 2 * MAP


def test_a_network_that_looks_at_values_costs_the_same_as_one_that_does_not() -> None:
    def looking(x: Tensor) -> Tensor:
        return x.relu() if x.isfinite().all() else x

    assert cost_of(looking) == cost_of(torch.relu)


def test_an_input_that_does_not_fit_is_refused_as_the_network_refuses_it() -> None:
    class Picky(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("sides must be even")

    with pytest.raises(ValueError, match="must be even"):
        measure(Picky, SHAPE, CPU)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_the_peak_on_a_gpu_holds_weights_gradients_and_activations() -> None:
    cost = measure(lambda: Conv(torch.relu), SHAPE, torch.device("cuda"))
    assert cost[:3] == cost_of(torch.relu)[:3]
    assert cost.peak_bytes is not None
    assert cost.peak_bytes >= 2 * 4 * cost.parameters + cost.activation_bytes
