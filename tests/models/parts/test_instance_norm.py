from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from models.parts.instance_norm import InstanceNormAct

SHAPES = [(2, 8, 4, 6, 8), (1, 5, 3, 5, 7), (3, 1, 2, 2, 2)]


def layer(channels: int, *, activate: bool, dtype: torch.dtype = torch.float64) -> InstanceNormAct:
    norm = InstanceNormAct(channels, activate=activate).to(dtype)
    with torch.no_grad():
        norm.weight.uniform_(-2, 2)
        norm.bias.uniform_(-1, 1)
    return norm


def expected(x: Tensor, norm: InstanceNormAct, *, activate: bool) -> Tensor:
    y = F.instance_norm(x, weight=norm.weight, bias=norm.bias, eps=1e-5)
    return F.leaky_relu(y, 0.01) if activate else y


@pytest.mark.parametrize("activate", [True, False])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last_3d], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_are_torch_s(
    shape: tuple[int, ...], order: torch.memory_format, activate: bool
) -> None:
    torch.manual_seed(0)
    norm = layer(shape[1], activate=activate)
    x = (3 + 2 * torch.randn(shape, dtype=torch.float64)).contiguous(memory_format=order).requires_grad_()
    weights = torch.randn(shape, dtype=torch.float64)
    inputs = (x, norm.weight, norm.bias)
    ours, theirs = norm(x), expected(x, norm, activate=activate)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        torch.autograd.grad((ours * weights).sum(), inputs),
        torch.autograd.grad((theirs * weights).sum(), inputs),
        rtol=1e-8,
        atol=1e-8,
    )


def test_the_result_keeps_channels_last() -> None:
    x = torch.randn(2, 8, 4, 6, 8).contiguous(memory_format=torch.channels_last_3d)
    assert layer(8, activate=True, dtype=torch.float32)(x).is_contiguous(memory_format=torch.channels_last_3d)


def test_a_large_mean_costs_little_precision() -> None:
    torch.manual_seed(0)
    norm = layer(4, activate=False)
    x = 100 + torch.randn(1, 4, 8, 32, 32, dtype=torch.float64)
    single = InstanceNormAct(4, activate=False)
    single.load_state_dict(norm.state_dict())
    torch.testing.assert_close(single(x.float()).double(), norm(x), rtol=0, atol=2e-4)


def test_half_precision_is_normalised_in_single_precision() -> None:
    torch.manual_seed(0)
    norm = layer(4, activate=True, dtype=torch.float32)
    x = (50 + torch.randn(1, 4, 8, 16, 16)).bfloat16().requires_grad_()
    y = norm(x)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y, expected(x.float(), norm, activate=True).bfloat16(), rtol=1e-2, atol=1e-2)
    y.float().sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16


def test_an_exported_layer_is_torch_s_own_operator() -> None:
    norm = layer(4, activate=True, dtype=torch.float32).eval()
    program = torch.export.export(norm, (torch.randn(1, 4, 4, 4, 4),))
    names = {str(node.target) for node in program.graph.nodes}
    assert "aten.instance_norm.default" in names
