"""The 2.5D DenseNet against a plain reading of the architecture and loops over slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import build_model
from models.tiramisu.network import FCDenseNet, Tiramisu, stack_slices
from models.tiramisu.plan import DenseNetPlan

ALL = (0, 1, 2)


def small_plan(modalities: int = 2, **changes: Any) -> DenseNetPlan:
    plan = DenseNetPlan(
        modalities=tuple(f"m{i}" for i in range(modalities)),
        n_classes=2,
        patch_size=(4, 8, 8),
        planes=ALL,
        first_channels=4,
        growth=3,
        layers=2,
        blocks=2,
        slices=3,
        dropout=0.0,
    )
    return replace(plan, **changes)


def randomise(network: nn.Module) -> None:
    """Every weight and statistic away from where it begins."""
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif value.is_floating_point():
                value.uniform_(-0.5, 0.5)


def naive(state: Mapping[str, Tensor], x: Tensor, plan: DenseNetPlan, *, training: bool) -> Tensor:
    """FC-DenseNet in elementary steps (Jégou 2017, tables 1 and 2)."""

    def layer(x: Tensor, name: str) -> Tensor:
        mean, spread = state[f"{name}.0.running_mean"], state[f"{name}.0.running_var"]
        if training:
            mean, spread = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        x = (x - mean[:, None, None]) / (spread[:, None, None] + 1e-5).sqrt()
        x = x * state[f"{name}.0.weight"][:, None, None] + state[f"{name}.0.bias"][:, None, None]
        weight = state[f"{name}.2.weight"]
        return F.conv2d(x.clamp(min=0), weight, state[f"{name}.2.bias"], padding=weight.shape[-1] // 2)

    def block(x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        made = []
        for i in range(plan.layers):
            made.append(layer(torch.cat((x, *made), 1), f"{name}.layers.{i}"))
        return torch.cat(made, 1), torch.cat((x, *made), 1)

    x = F.conv2d(x, state["first.weight"], state["first.bias"], padding=1)
    skips = []
    for i in range(plan.blocks):
        _, x = block(x, f"down.{i}")
        skips.append(x)
        x = layer(x, f"pool.{i}")
        x = torch.stack([x[..., a::2, b::2] for a in (0, 1) for b in (0, 1)]).amax(0)
    made, _ = block(x, "bottleneck")
    for i in range(plan.blocks):
        sparse = made.new_zeros(*made.shape[:2], 2 * made.shape[2] + 1, 2 * made.shape[3] + 1)
        sparse[..., :-1:2, :-1:2] = made  # a strided transposed convolution is one of voxels set apart
        kernel = state[f"enlarge.{i}.weight"].transpose(0, 1).flip(2, 3)
        grown = F.conv2d(sparse, kernel, state[f"enlarge.{i}.bias"], padding=(2, 2))[..., :-2, :-2]
        skip = skips.pop()
        made, everything = block(
            torch.cat((grown[..., : skip.shape[2], : skip.shape[3]], skip), 1), f"up.{i}"
        )
    return F.conv2d(everything, state["head.weight"], state["head.bias"])


@pytest.mark.parametrize("training", [True, False])
def test_the_network_and_its_gradients_are_those_of_a_plain_reading(training: bool) -> None:
    torch.manual_seed(0)
    plan = small_plan(layers=3)
    network = FCDenseNet(plan).double().train(training)
    randomise(network)
    x = torch.randn(3, 6, 8, 12, dtype=torch.float64)
    expected = naive(
        dict(network.named_parameters()) | dict(network.named_buffers()), x, plan, training=training
    )
    ours = network(x)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    parameters = list(network.parameters())
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().mean(), parameters),
        torch.autograd.grad(expected.square().mean(), parameters),
    )


def by_hand(inputs: int, outputs: int) -> int:
    """Parameters with 48 channels first, growth 12, 5 blocks of 4 layers."""
    down = [48, 96, 144, 192, 240]
    starts = [*down, 288, *(48 + channels + 48 for channels in down)]
    layers = [(start + 12 * i) for start in starts for i in range(4)]
    total = 9 * inputs * 48 + 48
    total += sum(2 * channels + 9 * channels * 12 + 12 for channels in layers)
    total += sum(2 * channels + channels**2 + channels for channels in (96, 144, 192, 240, 288))
    total += 5 * (9 * 48 * 48 + 48)
    return total + (48 + 96 + 48) * outputs + outputs


@pytest.mark.parametrize(
    ("modalities", "classes", "count"),
    [(5, 1, 1_380_049), (3, 1, 1_377_457), (5, 2, 1_380_242), (3, 2, 1_377_650)],
)
def test_it_is_the_published_network_of_1_38_million_parameters(
    modalities: int, classes: int, count: int
) -> None:
    plan = small_plan(modalities, n_classes=classes, first_channels=48, growth=12, layers=4, blocks=5)
    with torch.device("meta"):
        network = build_model("tiramisu", plan)
    assert (
        sum(parameter.numel() for parameter in network.parameters())
        == by_hand(3 * modalities, classes)
        == count
    )


def neighbours(x: Tensor, axis: int, index: int, slices: int, divisor: int) -> Tensor:
    """One slice of a sample `[M, D, H, W]` with its neighbours, `[M slices, H', W']`."""
    channels = []
    for modality in x:
        for offset in range(-(slices // 2), slices // 2 + 1):
            inside = 0 <= index + offset < modality.shape[axis]
            one = (
                modality.select(axis, index + offset)
                if inside
                else torch.zeros_like(modality.select(axis, 0))
            )
            sides = [-(-side // divisor) * divisor for side in one.shape]
            padded = one.new_zeros(sides)
            padded[: one.shape[0], : one.shape[1]] = one
            channels.append(padded)
    return torch.stack(channels)


@pytest.mark.parametrize("slices", [1, 3, 5])
@pytest.mark.parametrize("axis", ALL)
def test_slices_are_stacked_with_their_neighbours_modality_by_modality(axis: int, slices: int) -> None:
    x = torch.randn(2, 3, 4, 5, 6)
    stacks = stack_slices(x, axis, slices, 4)
    expected = [
        neighbours(sample, axis, index, slices, 4) for sample in x for index in range(x.shape[2 + axis])
    ]
    assert torch.equal(stacks, torch.stack(expected))


@pytest.mark.parametrize("planes", [(0,), (2,), ALL], ids=str)
@pytest.mark.parametrize("shape", [(4, 8, 8), (1, 9, 6)], ids=str)
def test_in_evaluation_the_planes_probabilities_are_averaged(
    shape: tuple[int, int, int], planes: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    network = Tiramisu(small_plan(planes=planes)).double().eval()
    randomise(network)
    x = torch.randn(2, 2, *shape, dtype=torch.float64)
    expected = torch.zeros(2, 2, *shape, dtype=torch.float64)
    with torch.no_grad():
        for b, sample in enumerate(x):
            for axis in planes:
                for index in range(shape[axis]):
                    logits = network.densenet(neighbours(sample, axis, index, 3, 4)[None])[0]
                    target = expected[b].select(1 + axis, index)
                    target += logits[:, : target.shape[1], : target.shape[2]].softmax(0) / len(planes)
        ours = network(x)
    torch.testing.assert_close(ours.softmax(1), expected, rtol=1e-5, atol=1e-5)


def test_a_training_pass_sees_one_plane_that_torch_s_generator_draws() -> None:
    torch.manual_seed(0)
    network = Tiramisu(small_plan()).train()
    x = torch.randn(2, 2, 8, 8, 8)
    with torch.no_grad():
        each = [network.across(x, axis) for axis in ALL]
        torch.manual_seed(1)
        drawn = [network(x) for _ in range(20)]
        torch.manual_seed(1)
        again = [network(x) for _ in range(20)]
    seen = [next(axis for axis in ALL if torch.equal(logits, each[axis])) for logits in drawn]
    assert set(seen) == set(ALL)
    assert all(torch.equal(a, b) for a, b in zip(drawn, again, strict=True))


def test_with_one_plane_nothing_is_drawn() -> None:
    network = Tiramisu(small_plan(planes=(0,))).train()
    before = torch.get_rng_state()
    network(torch.randn(2, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_acts_on_whole_channels_and_in_training_only() -> None:
    torch.manual_seed(0)
    network = Tiramisu(small_plan(planes=(0,), dropout=0.5))
    x = torch.randn(2, 2, 4, 8, 8)
    outputs = []
    hook = network.densenet.bottleneck.layers[0].register_forward_hook(
        lambda *parts: outputs.append(parts[2])
    )
    network.train()(x)
    network.eval()(x)
    hook.remove()
    silent, whole = ((output == 0).flatten(2).all(2) for output in outputs)
    assert silent.any()
    assert not silent.all()
    assert not whole.any()


@pytest.mark.parametrize("planes", [(0,), ALL], ids=str)
def test_absent_modalities_leave_every_parameter_its_gradient(planes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = Tiramisu(small_plan(planes=planes, dropout=0.2)).train()
    x = torch.randn(2, 2, 4, 8, 8)
    x[:, 1] = 0
    network(x, torch.tensor([[1.0, 0.0]] * 2)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_an_input_with_other_channels_is_named() -> None:
    network = Tiramisu(small_plan())
    with pytest.raises(ValueError, match=r"input must be \[B, 2, D, H, W\], got \[1, 3, 4, 8, 8\]"):
        network(torch.zeros(1, 3, 4, 8, 8))


def test_elements_are_what_autograd_keeps() -> None:
    plan = small_plan(first_channels=16, growth=8, layers=3, patch_size=(4, 32, 32), planes=(0,), dropout=0.2)
    network = Tiramisu(plan).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, tuple[Tensor, int]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = tensor, storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network(torch.randn(2, 2, *plan.patch_size))
    elements = sum(size for _, size in kept.values()) / 4
    assert plan.kept_elements() * 2 == pytest.approx(elements, rel=0.05)
