"""The 2.5D DenseNet against a plain reading of the architecture and loops over slices, and its plans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import Scans, build_model, plan_model, read_plan
from models.densenet_planning import DenseNetPlan, estimate_memory_gb, kept_elements
from models.tiramisu import FCDenseNet, Tiramisu, stack_slices

DENSENET = {"first_channels": 48, "growth": 12, "layers": 4, "blocks": 5, "slices": 3}
SETTINGS: dict[str, Any] = {"patch_size": None, "memory_gb": 8.0, "dropout": 0.2, "densenet": DENSENET}
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
    names = tuple(f"m{i}" for i in range(modalities))
    plan = replace(planned(), modalities=names, n_classes=classes)
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
    assert estimate_memory_gb(plan, batch_size) <= 4.0
    assert all(edge % divisor == 0 for edge, divisor in zip(plan.patch_size, plan.divisor, strict=True))
    sides = sorted(edge for edge, divisor in zip(plan.patch_size, plan.divisor, strict=True) if divisor > 1)
    assert sides[-1] - sides[0] <= 32


def test_memory_that_no_patch_fits_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"model\.memory_gb: the smallest patch, 4×32×32, needs .* GB, got 0\.01"
    ):
        planned(memory_gb=0.01)


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
    assert kept_elements(plan) * 2 == pytest.approx(elements, rel=0.05)


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
