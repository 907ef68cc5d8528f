"""What every network of `MODELS` must keep, on every non-empty subset of modalities."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from model_cases import MODALITIES, PATCH, small_plan
from torch import Tensor, nn

from models import MODELS, build_model, read_plan
from study.evaluation.inference import predict_subsets
from study.imaging.windows import Windows

SUBSETS = [flags for flags in product((0.0, 1.0), repeat=len(MODALITIES)) if any(flags)]
SUPERVISED = ("nnunet", "resenc_unet")
RECURRENT = {"conv_channels": 2, "logic_scales": 3, "multiplicity": 2}
VARIANTS: dict[str, list[dict[str, Any]]] = {
    name: [{"recurrent": {**RECURRENT, "kind": kind}} for kind in ("llstm", "clstm")]
    for name in ("lstm", "attlstm", "upattlstm")
}
CASES = [
    pytest.param(name, changes, id=f"{name}{number or ''}")
    for name in sorted(MODELS)
    for number, changes in enumerate(VARIANTS.get(name, [{}]))
]
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
    ),
]


def tensors_of(output: Any) -> list[Tensor]:
    """All that a network returns in training, logits first."""
    return [output] if isinstance(output, Tensor) else list(output)


def network_and_input(
    name: str, changes: dict[str, Any], subset: tuple[float, ...], device: str
) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(0)
    network = build_model(name, small_plan(name, **changes)).to(device)
    present = torch.tensor([subset, subset], device=device)
    voxels = torch.randn(2, len(MODALITIES), *PATCH, device=device)
    return network, voxels * present[:, :, None, None, None], present


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("subset", SUBSETS, ids=str)
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_logits_have_the_input_s_shape_and_every_parameter_a_finite_gradient(
    name: str, changes: dict[str, Any], subset: tuple[float, ...], device: str
) -> None:
    network, x, present = network_and_input(name, changes, subset, device)
    network.train()
    outputs = tensors_of(network(x, present))
    assert outputs[0].shape == (2, 2, *PATCH)
    sum(tensor.square().mean() for tensor in outputs).backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
    network.eval()
    with torch.no_grad():
        logits = network(x, present)
    assert logits.shape == (2, 2, *PATCH)
    assert logits.isfinite().all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_voxels_of_an_absent_modality_cannot_change_the_prediction(
    name: str, changes: dict[str, Any], device: str
) -> None:
    network, x, _ = network_and_input(name, changes, SUBSETS[-1], device)
    image = x[0].cpu().numpy()
    for subset in SUBSETS:
        absent = np.array(subset)[:, None, None, None] == 0
        other = np.where(absent, 7 * image[::-1] + 1, image)
        before, after = (
            predict_subsets(network, Windows(voxels), [[flag > 0 for flag in subset]], PATCH, 0.5, 1, device)
            for voxels in (image, other)
        )
        assert np.array_equal(before, after), subset


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_each_present_modality_matters(name: str, changes: dict[str, Any]) -> None:
    network, x, present = network_and_input(name, changes, SUBSETS[-1], "cpu")
    network.eval()
    with torch.no_grad():
        full = network(x, present)
        for modality in range(len(MODALITIES)):
            flags = present.clone()
            flags[:, modality] = 0
            assert not torch.allclose(full, network(x * flags[:, :, None, None, None], flags))


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_present_may_be_left_out(name: str, changes: dict[str, Any]) -> None:
    network, x, present = network_and_input(name, changes, SUBSETS[-1], "cpu")
    network.eval()
    with torch.no_grad():
        assert torch.equal(network(x), network(x, present))


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_a_sample_s_prediction_does_not_depend_on_the_others_of_its_batch(
    name: str, changes: dict[str, Any]
) -> None:
    network, x, present = network_and_input(name, changes, SUBSETS[-1], "cpu")
    network.eval()
    present[1, 1:] = 0
    x = x * present[:, :, None, None, None]
    with torch.no_grad():
        torch.testing.assert_close(network(x, present)[1:], network(x[1:], present[1:]))


@pytest.mark.parametrize("name", SUPERVISED)
def test_training_gives_every_resolution_only_with_deep_supervision(name: str) -> None:
    x = torch.randn(1, len(MODALITIES), *PATCH)
    supervised = build_model(name, small_plan(name)).train()
    assert [tuple(y.shape[2:]) for y in supervised(x)] == [(8, 16, 16), (8, 8, 8)]
    assert supervised.eval()(x).shape == (1, 2, *PATCH)
    single = build_model(name, small_plan(name, deep_supervision=False)).train()
    assert single(x).shape == (1, 2, *PATCH)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_an_input_with_other_channels_is_named(name: str) -> None:
    network = build_model(name, small_plan(name))
    with pytest.raises(ValueError, match=r"\[B, 3, .*got \[1, 2, 8, 16, 16\]"):
        network(torch.zeros(1, 2, *PATCH))


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"lstm", "tiramisu"}))
def test_an_input_whose_sides_do_not_fit_is_named(name: str) -> None:
    network = build_model(name, small_plan(name))
    with pytest.raises(ValueError, match=r"got \[1, 3, 8, 16, 18\]"):
        network(torch.zeros(1, 3, 8, 16, 18))


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_weights_and_gradients_lie_in_plain_order_for_saving_and_ddp(
    name: str, changes: dict[str, Any]
) -> None:
    network, x, present = network_and_input(name, changes, SUBSETS[-1], "cpu")
    sum(tensor.mean() for tensor in tensors_of(network.train()(x, present))).backward()
    for key, parameter in network.named_parameters():
        assert parameter.is_contiguous(), key
        assert parameter.grad is not None, key
        assert parameter.grad.stride() == parameter.stride(), key


@pytest.mark.parametrize("name", SUPERVISED)
def test_one_modality_is_enough_for_plain_order(name: str) -> None:
    network = build_model(name, small_plan(name, MODALITIES[:1])).train()
    sum(logits.mean() for logits in network(torch.randn(1, 1, *PATCH))).backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.stride() == parameter.stride(), key


@pytest.mark.parametrize(("name", "changes"), CASES)
def test_a_plan_read_from_json_builds_the_same_network(name: str, changes: dict[str, Any]) -> None:
    plan = small_plan(name, **changes)
    again = read_plan(name, json.loads(json.dumps(plan.to_dict())))
    assert again == plan
    state = build_model(name, plan).state_dict()
    build_model(name, again).load_state_dict(state)


def test_an_unknown_network_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=rf"no network 'unet'; there are {', '.join(sorted(MODELS))}"):
        build_model("unet", small_plan("nnunet"))
