"""MultiUnet's network against MONAI's blocks and a plain reading of the architecture, and its plans."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from monai.networks import blocks
from torch import Tensor, nn

from models import MODELS, Scans, build_model, plan_model, read_plan
from models.multiunet.network import MultiUNet, ResidualUnit, UpConv3d, UpStage
from models.multiunet.plan import MultiUNetPlan
from models.plan import Size

ISOTROPIC = ((1, 1, 1), (2, 2, 2), (2, 2, 2))
ANISOTROPIC = ((1, 1, 1), (1, 2, 2), (2, 2, 2))
SETTINGS: dict[str, Any] = {
    "base_channels": 16,
    "max_channels": 256,
    "stages": None,
    "patch_size": None,
    "memory_gb": 8.0,
    "deep_supervision": True,
    "dropout": 0.2,
}


def small_plan(
    strides: tuple[Size, ...] = ISOTROPIC, modalities: int = 3, dropout: float = 0.0
) -> MultiUNetPlan:
    return MultiUNetPlan(
        modalities=tuple(f"m{i}" for i in range(modalities)),
        n_classes=2,
        patch_size=(16, 16, 16),
        strides=strides,
        kernel_sizes=((3, 3, 3),) * 3,
        features=(4, 5, 6),
        convs_encoder=(2, 2, 2),
        convs_decoder=(2, 2),
        deep_supervision=False,
        dropout=dropout,
    )


def planned(
    median_shape: Size = (155, 240, 240),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0),
    **changes: Any,
) -> MultiUNetPlan:
    plan = plan_model(
        "multiunet", SETTINGS | changes, Scans(("T1", "T2", "FLAIR"), median_shape, spacing_mm, 2)
    )
    assert isinstance(plan, MultiUNetPlan)
    return plan


def randomise(network: nn.Module) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-0.5, 0.5)


def copy_in_order(source: nn.Module, target: nn.Module) -> None:
    """Convolution, bias, slope: both keep a block's parameters in this order."""
    with torch.no_grad():
        for a, b in zip(source.parameters(), target.parameters(), strict=True):
            b.copy_(a)


def shortcut(x: Tensor, stride: Size, outputs: int) -> Tensor:
    """The mean of the 3×3×3 voxels around each voxel that is kept, zeros beside; channels that are missing are 0."""
    if max(stride) > 1:
        edges = [3 if step > 1 else 1 for step in stride]
        box = torch.full((x.shape[1], 1, *edges), 1 / math.prod(edges), dtype=x.dtype)
        x = F.conv3d(x, box, None, stride, [edge // 2 for edge in edges], groups=x.shape[1])
    empty = x.new_zeros(len(x), outputs, *x.shape[2:])
    empty[:, : x.shape[1]] = x[:, :outputs]
    return empty


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("stride", [(2, 2, 2), (1, 1, 1), (1, 2, 2)], ids=str)
@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (4, 4)])
def test_a_residual_unit_is_monai_s_with_a_pooled_shortcut(
    inputs: int, outputs: int, stride: Size, training: bool
) -> None:
    torch.manual_seed(0)
    dropout = 0.0 if training else 0.2
    theirs = blocks.ResidualUnit(3, inputs, outputs, stride, 3, subunits=2, dropout=dropout).double()
    randomise(theirs.conv)
    ours = ResidualUnit(inputs, outputs, stride, dropout).double()
    copy_in_order(theirs.conv, ours)
    theirs.residual = nn.Identity()  # as published: no weights there
    x = torch.randn(2, inputs, 6, 8, 10, dtype=torch.float64)
    expected = theirs.train(training).conv(x) + shortcut(x, stride, outputs)
    torch.testing.assert_close(ours.train(training)(x), expected, rtol=1e-5, atol=1e-5)
    if stride == (1, 1, 1) and inputs == outputs:
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_a_stage_of_the_decoder_is_upsampling_and_two_of_monai_s_convolutions(training: bool) -> None:
    torch.manual_seed(0)
    dropout = 0.0 if training else 0.2
    theirs = nn.Sequential(
        nn.Upsample(scale_factor=2),
        blocks.Convolution(3, 6, 6, dropout=dropout),
        blocks.Convolution(3, 6, 4, dropout=dropout),
    ).double()
    randomise(theirs)
    ours = UpStage(6, 4, (2, 2, 2), dropout, last=False).double()
    copy_in_order(theirs, ours)
    x = torch.randn(2, 6, 5, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("edges", [(3, 4, 5), (5, 6, 7)], ids=["few voxels", "many voxels"])
@pytest.mark.parametrize("scale", [(2, 2, 2), (1, 2, 2), (2, 1, 1), (1, 1, 1)], ids=str)
def test_upsampling_and_convolving_in_one_is_both_in_turn(scale: Size, edges: Size) -> None:
    torch.manual_seed(0)
    conv = UpConv3d(3, 4, scale).double()
    x = torch.randn(2, 3, *edges, dtype=torch.float64, requires_grad=True)
    repeated = x
    for axis, times in enumerate(scale, start=2):
        repeated = repeated.repeat_interleave(times, axis)
    expected = F.conv3d(repeated, conv.weight, conv.bias, padding=1)
    weights = torch.randn_like(expected)
    inputs = (x, conv.weight, conv.bias)
    ours = conv(x)
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        torch.autograd.grad((ours * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
    )


def naive(network: MultiUNet, x: Tensor) -> Tensor:
    """The published network in elementary steps, from the parameters in the order in which they are used."""
    parameters: Iterator[Tensor] = iter(network.parameters())

    def conv(x: Tensor, stride: Size = (1, 1, 1), *, bare: bool = False) -> Tensor:
        x = F.conv3d(x, next(parameters), next(parameters), stride, 1)
        if bare:
            return x
        spread = x.var((2, 3, 4), correction=0, keepdim=True)
        x = (x - x.mean((2, 3, 4), keepdim=True)) / (spread + 1e-5).sqrt()
        return torch.where(x > 0, x, next(parameters) * x)

    plan = network.plan
    maps = []
    for outputs, stride in zip(plan.features, (*plan.strides[1:], (1, 1, 1)), strict=True):
        y = conv(conv(x, stride))
        x = y + shortcut(x, stride, outputs)
        maps.append(x)
    for stage in (1, 0):
        x = torch.cat((x, maps[stage]), 1)
        for axis, times in enumerate(plan.strides[stage + 1], start=2):
            x = x.repeat_interleave(times, axis)
        x = conv(conv(x), bare=stage == 0)
    assert next(parameters, None) is None
    return x


@pytest.mark.parametrize("strides", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
@pytest.mark.parametrize("modalities", [3, 6])
def test_the_network_and_its_gradients_are_those_of_a_plain_reading(
    modalities: int, strides: tuple[Size, ...]
) -> None:
    torch.manual_seed(0)
    network = MultiUNet(small_plan(strides, modalities)).double()
    randomise(network)
    x = torch.randn(2, modalities, 16, 16, 16, dtype=torch.float64)
    expected, logits = naive(network, x), network(x)
    assert not logits[:, :1].any()
    torch.testing.assert_close(logits[:, 1:], expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        torch.autograd.grad(logits.square().mean(), list(network.parameters())),
        torch.autograd.grad(expected.square().mean() / 2, list(network.parameters())),
    )


def test_the_foreground_s_softmax_is_the_sigmoid_of_the_one_output() -> None:
    torch.manual_seed(0)
    network = MultiUNet(small_plan())
    logits = network(torch.randn(1, 3, 16, 16, 16))
    torch.testing.assert_close(logits.softmax(1)[:, 1], logits[:, 1].sigmoid(), rtol=1e-6, atol=1e-7)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    network, x = MultiUNet(small_plan(dropout=0.2)), torch.randn(1, 3, 16, 16, 16)
    assert not torch.allclose(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
    without = MultiUNet(small_plan())
    copy_in_order(network, without)
    assert torch.equal(without.train()(x), network(x))


def test_an_input_that_does_not_fit_is_named() -> None:
    network = MultiUNet(small_plan(ANISOTROPIC))
    with pytest.raises(
        ValueError, match=r"\[B, 3, D, H, W\].*divisible by \[2, 4, 4\].*got \[1, 3, 6, 8, 6\]"
    ):
        network(torch.zeros(1, 3, 6, 8, 6))


def test_with_isotropic_128_cubes_it_is_the_published_network_of_8_90_million_parameters() -> None:
    plan = planned(patch_size=(128, 128, 128))
    assert plan.features == (16, 32, 64, 128, 256)
    assert plan.strides == ((1, 1, 1),) + ((2, 2, 2),) * 4
    with torch.device("meta"):
        network = build_model("multiunet", plan)
    convolutions = [
        (3, 16),
        (16, 16),
        (16, 32),
        (32, 32),
        (32, 64),
        (64, 64),
        (64, 128),
        (128, 128),
        (128, 256),
    ]
    convolutions += [
        (256, 256),
        (384, 384),
        (384, 64),
        (128, 128),
        (128, 32),
        (64, 64),
        (64, 16),
        (32, 32),
        (32, 1),
    ]
    by_hand = sum(27 * inputs * outputs + outputs for inputs, outputs in convolutions) + 17  # slopes
    assert sum(parameter.numel() for parameter in network.parameters()) == by_hand == 8_899_634


def test_five_stages_are_planned_at_most_and_more_only_if_asked_for() -> None:
    assert planned().stages == 5
    assert planned(memory_gb=2.0).stages == 5
    assert planned(stages=6).stages == 6
    assert planned(median_shape=(40, 40, 40)).stages < 5


def test_an_axis_that_is_too_coarse_or_too_short_is_not_pooled() -> None:
    plan = planned((24, 110, 90), (6.0, 2.0, 2.0))
    assert plan.strides == ((1, 1, 1), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2))
    assert set(plan.kernel_sizes) == {(3, 3, 3)}
    assert not plan.deep_supervision


@pytest.mark.parametrize("memory_gb", [0.5, 2.4, 8.0])
def test_plans_fit_the_memory(memory_gb: float) -> None:
    assert memory_gb / 2 < planned(memory_gb=memory_gb).memory_gb(2) <= memory_gb


@pytest.mark.parametrize("strides", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
def test_feature_elements_are_those_of_all_convolutions(strides: tuple[Size, ...]) -> None:
    plan = small_plan(strides)
    network = MultiUNet(plan)
    counts = []
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            module.register_forward_hook(lambda module, inputs, output: counts.append(output.numel()))
    network(torch.zeros(1, 3, *plan.patch_size))
    assert plan.elements() == sum(counts)


def test_a_patch_that_strides_do_not_divide_is_answered_with_those_that_would_do() -> None:
    with pytest.raises(
        ValueError, match=r"model\.patch_size: 120×128×128 is not divisible by 16×16×16.*112 or 128"
    ):
        planned(patch_size=(120, 128, 128))


def test_more_than_two_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"model\.name: multiunet .* got 4 classes"):
        plan_model("multiunet", SETTINGS, Scans(("T1",), (64, 64, 64), (1.0, 1.0, 1.0), 2, n_classes=4))


def test_a_plan_survives_json_with_its_dropout() -> None:
    plan = planned(dropout=0.35)
    assert read_plan("multiunet", json.loads(json.dumps(plan.to_dict()))) == plan
    assert plan.dropout == 0.35
    assert MODELS["multiunet"].plan_type is MultiUNetPlan
