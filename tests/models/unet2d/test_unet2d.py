from __future__ import annotations

import pytest
import torch
from naive_urn import unet

from models import build_model
from models.parts.plane_unet import UNet2d
from models.unet2d.plan import UNet2dPlan

PLAN = UNet2dPlan(("DWI", "ADC", "B0"), 2, (1, 16, 24), (4, 6, 8))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("features", [(5,), (3, 4), (4, 6, 8, 8)], ids=str)
def test_equals_the_plain_functions(features: tuple[int, ...], training: bool) -> None:
    torch.manual_seed(0)
    network = UNet2d(3, 5, features).double()
    x = torch.randn(4, 3, 16, 24, dtype=torch.float64)
    network(x)  # running statistics that are not those of an untrained network
    state = {f"net.{name}": value for name, value in network.state_dict().items()}
    expected = unet(state, "net", x, len(features), training=training)
    torch.testing.assert_close(network.train(training)(x), expected, rtol=1e-9, atol=1e-9)


def test_parameters_are_those_counted_by_hand() -> None:
    network = UNet2d(1, 16, (32, 64, 128, 256))
    down = 9 * (1 * 32 + 32 * 64 + 64 * 128 + 128 * 256) + 2 * (32 + 64 + 128 + 256)
    ups = 4 * (256 * 128 + 128 * 64 + 64 * 32) + 128 + 64 + 32
    up = 9 * (256 * 128 + 128 * 64 + 64 * 32) + 2 * (128 + 64 + 32)
    assert sum(parameter.numel() for parameter in network.parameters()) == down + ups + up + 32 * 16 + 16


@pytest.mark.parametrize("depth", [1, 3])
def test_each_slice_is_seen_by_itself(depth: int) -> None:
    torch.manual_seed(0)
    network = build_model("unet2d", PLAN).eval()
    x = torch.randn(2, 3, depth, 16, 24)
    with torch.no_grad():
        logits = network(x)
        for sample in range(2):
            for d in range(depth):
                expected = network.unet(x[None, sample, :, d])
                torch.testing.assert_close(logits[None, sample, :, d], expected)


@pytest.mark.parametrize("shape", [(1, 2, 1, 16, 24), (1, 3, 1, 18, 24), (1, 3, 1, 16, 22)], ids=str)
def test_an_input_that_does_not_fit_is_named(shape: tuple[int, ...]) -> None:
    network = build_model("unet2d", PLAN)
    given = ", ".join(map(str, shape))
    with pytest.raises(ValueError, match=rf"\[B, 3, D, H, W\] .* divisible by \[1, 4, 4\], got \[{given}\]"):
        network(torch.zeros(shape))


def test_on_the_cpu_channels_stay_last() -> None:
    network = build_model("unet2d", PLAN)
    orders = []
    network.unet.encoder[0].register_forward_hook(
        lambda module, inputs, y: orders.append(y.is_contiguous(memory_format=torch.channels_last))
    )
    network(torch.randn(2, 3, 2, 16, 24))
    assert orders == [True]
