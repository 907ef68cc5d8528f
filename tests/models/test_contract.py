"""What every network of `MODELS` must keep, on every non-empty subset of modalities."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from models import MODELS, NetworkPlan, build_model, plan_network

MODALITIES = 3
PATCH = (8, 16, 16)
SUBSETS = [flags for flags in product((0.0, 1.0), repeat=MODALITIES) if any(flags)]
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
    ),
]


def small_plan(name: str, *, deep_supervision: bool = True) -> NetworkPlan:
    return plan_network(
        name,
        median_shape=PATCH,
        spacing_mm=(4.0, 2.0, 2.0),
        n_inputs=MODALITIES,
        base_channels=4,
        max_channels=8,
        stages=3,
        patch_size=PATCH,
        batch_size=2,
        memory_gb=1.0,
        deep_supervision=deep_supervision,
    )


def network_and_input(name: str, subset: tuple[float, ...], device: str) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    network = build_model(name, small_plan(name)).to(device)
    present = torch.tensor([subset, subset], device=device)
    voxels = torch.randn(2, MODALITIES, *PATCH, device=device)
    return network, voxels * present[:, :, None, None, None], present


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_logits_have_the_input_s_shape_and_every_parameter_a_finite_gradient(
    name: str, subset: tuple[float, ...], device: str
) -> None:
    network, x, present = network_and_input(name, subset, device)
    network.train()
    outputs = network(x, present)
    assert outputs[0].shape == (2, 2, *PATCH)
    sum(logits.square().mean() for logits in outputs).backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_voxels_of_an_absent_modality_cannot_change_the_output(
    name: str, subset: tuple[float, ...], device: str
) -> None:
    network, x, present = network_and_input(name, subset, device)
    network.eval()
    other = torch.where(present[:, :, None, None, None] > 0, x, 7 * torch.randn_like(x))
    with torch.no_grad():
        before = network(x * present[:, :, None, None, None], present)
        after = network(other * present[:, :, None, None, None], present)
    assert torch.equal(before, after)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_each_present_modality_matters(name: str) -> None:
    network, x, present = network_and_input(name, (1.0,) * MODALITIES, "cpu")
    network.eval()
    with torch.no_grad():
        full = network(x, present)
        for modality in range(MODALITIES):
            flags = present.clone()
            flags[:, modality] = 0
            assert not torch.allclose(full, network(x * flags[:, :, None, None, None], flags))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_present_may_be_left_out(name: str) -> None:
    network, x, present = network_and_input(name, (1.0,) * MODALITIES, "cpu")
    network.eval()
    with torch.no_grad():
        assert torch.equal(network(x), network(x, present))


@pytest.mark.parametrize("name", sorted(MODELS))
def test_training_gives_every_resolution_only_with_deep_supervision(name: str) -> None:
    x = torch.randn(1, MODALITIES, *PATCH)
    supervised = build_model(name, small_plan(name)).train()
    assert [tuple(y.shape[2:]) for y in supervised(x)] == [(8, 16, 16), (8, 8, 8)]
    assert supervised.eval()(x).shape == (1, 2, *PATCH)
    single = build_model(name, small_plan(name, deep_supervision=False)).train()
    assert single(x).shape == (1, 2, *PATCH)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_input_that_does_not_fit_the_plan_is_named(name: str) -> None:
    network = build_model(name, small_plan(name))
    with pytest.raises(
        ValueError, match=r"\[B, 3, D, H, W\].*divisible by \[2, 4, 4\].*got \[1, 2, 8, 16, 16\]"
    ):
        network(torch.zeros(1, 2, *PATCH))
    with pytest.raises(ValueError, match=r"got \[1, 3, 8, 16, 18\]"):
        network(torch.zeros(1, 3, 8, 16, 18))


@pytest.mark.parametrize("modalities", [1, MODALITIES])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_weights_and_gradients_lie_in_plain_order_for_saving_and_ddp(name: str, modalities: int) -> None:
    plan = replace(small_plan(name), n_inputs=modalities)
    network = build_model(name, plan).train()
    sum(logits.mean() for logits in network(torch.randn(1, modalities, *PATCH))).backward()
    for key, parameter in network.named_parameters():
        assert parameter.is_contiguous(), key
        assert parameter.grad is not None, key
        assert parameter.grad.stride() == parameter.stride(), key


def test_an_unknown_network_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no network 'unet'; there are nnunet, resenc_unet"):
        build_model("unet", small_plan("nnunet"))
