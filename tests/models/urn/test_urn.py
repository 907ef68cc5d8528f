from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from naive_urn import fused, urn, variance
from torch import Tensor

from models import build_model
from models.parts.transfer import carry_over
from models.parts.unified import Unified
from models.urn.network import FUSIONS, URN, representation_variance
from models.urn.plan import URNPlan

MODALITIES = ("DWI", "ADC", "B0")
PLAN = URNPlan(MODALITIES, 2, (1, 8, 16), (4, 6), channels=3, decoder_channels=5, fusion="mean")
SUBSETS = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 0, 0], [0, 0, 1]])


def network_of(plan: URNPlan = PLAN) -> URN:
    torch.manual_seed(0)
    return URN(plan)


def example(present: Tensor, depth: int = 2, dtype: torch.dtype = torch.float32) -> Tensor:
    x = torch.randn(len(present), present.shape[1], depth, 8, 16, dtype=dtype)
    return x * (present > 0)[:, :, None, None, None]


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_fusion_is_that_of_the_loops_over_what_is_present(kind: str) -> None:
    rng = np.random.default_rng(0)
    representations = rng.normal(0, 3, (4, 3, 2, 3, 2))
    result = FUSIONS[kind](torch.tensor(representations), SUBSETS > 0)
    expected = fused(representations, SUBSETS.numpy() > 0, kind)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_fusion_of_equals_is_the_same_however_many_there_are(kind: str) -> None:
    one = torch.randn(1, 1, 2, 3, 2, dtype=torch.float64).expand(4, 3, 2, 3, 2)
    torch.testing.assert_close(FUSIONS[kind](one, SUBSETS > 0), one[:, 0])


def test_large_values_have_a_log_mean_exp() -> None:
    values = torch.tensor([500.0, 502.0, -1000.0]).reshape(1, 3, 1, 1, 1)
    result = FUSIONS["log_mean_exp"](values, torch.tensor([[True, True, True]]))
    assert float(result) == pytest.approx(502 + math.log((1 + math.exp(-2)) / 3), rel=1e-6)


def test_variance_is_that_of_the_loops_over_what_is_present() -> None:
    representations = np.random.default_rng(1).normal(0, 3, (4, 3, 2, 3, 2))
    result = representation_variance(torch.tensor(representations), SUBSETS > 0)
    expected = variance(representations, SUBSETS.numpy() > 0)
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12)
    assert result[2:].tolist() == [0.0, 0.0]  # of one modality


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_gradients_of_fusion_and_variance(kind: str) -> None:
    torch.manual_seed(0)
    values = torch.randn(4, 3, 1, 2, 2, dtype=torch.float64, requires_grad=True)

    def both(representations: Tensor) -> tuple[Tensor, Tensor]:
        there = SUBSETS > 0
        return FUSIONS[kind](representations, there), representation_variance(representations, there)

    assert torch.autograd.gradcheck(both, values)


@pytest.mark.parametrize("kind", sorted(FUSIONS))
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_training_equals_the_plain_functions(levels: int, kind: str) -> None:
    plan = replace(PLAN, features=(4, 6, 8)[:levels], fusion=kind)
    network = network_of(plan).double().train()
    x = example(SUBSETS, dtype=torch.float64)
    expected = urn(network.state_dict(), MODALITIES, x, SUBSETS, levels, kind, training=True)
    result = network(x, SUBSETS)
    assert isinstance(result, Unified)
    for ours, theirs in zip(result, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", sorted(FUSIONS))
def test_evaluation_and_synthesis_equal_the_plain_functions(kind: str) -> None:
    network = network_of(replace(PLAN, fusion=kind)).double().train()
    x = example(SUBSETS, dtype=torch.float64)
    network(x, SUBSETS)  # running statistics that are not those of an untrained network
    network.eval()
    expected = urn(network.state_dict(), MODALITIES, x, SUBSETS, 2, kind, training=False)
    torch.testing.assert_close(network(x, SUBSETS), expected[0], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(network.synthesise(x, SUBSETS), expected[2], rtol=1e-8, atol=1e-8)


def test_without_presence_all_modalities_are_there() -> None:
    network = network_of().eval()
    x = example(torch.ones(2, 3))
    assert torch.equal(network.synthesise(x), network.synthesise(x, torch.ones(2, 3)))


def test_a_fading_modality_is_there() -> None:
    network = network_of().eval()
    x = example(torch.ones(2, 3))
    code = torch.tensor([[1.0, 0.25, 1.0], [0.5, 0.01, 1.0]])
    assert torch.equal(network(x, code), network(x))


def test_channels_of_a_representation_are_standardised_over_the_samples_that_have_the_modality() -> None:
    network = network_of().train()
    said = []
    network.encoders["DWI"].register_forward_hook(lambda module, inputs, y: said.append(y))
    network(example(SUBSETS), SUBSETS)
    assert said[0].shape == (2 * 2, 3, 8, 16)  # two samples of two slices
    torch.testing.assert_close(said[0].mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(said[0].var((0, 2, 3), correction=0), torch.ones(3), rtol=1e-3, atol=0)


def test_samples_without_a_modality_do_not_enter_its_statistics() -> None:
    mixed, alone = network_of().train(), network_of().train()
    present = torch.tensor([[1, 1, 1], [0, 1, 1], [1, 1, 1]])
    x = example(present)
    mixed(x, present)
    alone(x[[0, 2]], present[[0, 2]])
    buffers, expected = (
        dict(mixed.encoders["DWI"].named_buffers()),
        dict(alone.encoders["DWI"].named_buffers()),
    )
    for name, value in buffers.items():
        torch.testing.assert_close(value, expected[name])


def test_a_modality_that_no_sample_has_leaves_its_statistics_and_gets_a_gradient_of_zeros() -> None:
    network = network_of().train()
    before = {name: value.clone() for name, value in network.encoders["B0"].named_buffers()}
    present = torch.tensor([[1, 1, 0], [1, 0, 0]])
    logits, spread, syntheses = network(example(present), present)
    (logits.square().mean() + spread.mean() + syntheses.square().mean()).backward()
    for name, value in network.encoders["B0"].named_buffers():
        assert torch.equal(value, before[name]), name
    for name, parameter in network.encoders["B0"].named_parameters():
        assert parameter.grad is not None, name
        assert not parameter.grad.any(), name
    assert all(parameter.grad.any() for parameter in network.decoders["B0"].parameters())


def test_without_segmentation_all_else_is_the_same_and_the_head_gets_a_gradient_of_zeros() -> None:
    x = example(SUBSETS)
    whole = network_of().train()(x, SUBSETS)
    network = network_of().train()
    before = {name: value.clone() for name, value in network.segmenter.named_buffers()}
    part = network(x, SUBSETS, segment=False)
    assert part.logits.shape == whole.logits.shape
    assert not part.logits.any()
    assert torch.equal(part.variance, whole.variance)
    assert torch.equal(part.syntheses, whole.syntheses)
    (part.logits.mean() + part.syntheses.mean()).backward()
    for name, parameter in network.segmenter.named_parameters():
        assert parameter.grad is not None, name
        assert not parameter.grad.any(), name
    assert all(torch.equal(value, before[name]) for name, value in network.segmenter.named_buffers())


def test_a_frozen_network_learns_from_the_logits_of_encoders_in_evaluation_mode() -> None:
    network = network_of().train()
    x = example(SUBSETS)
    network(x, SUBSETS)
    other = deepcopy(network)
    other.encoders.eval()
    network.freeze()
    for mode in (False, True):
        network.train(mode)
        assert not any(module.training for module in network.encoders.modules())
        assert all(module.training == mode for module in network.segmenter.modules())
    logits = network(x, SUBSETS)
    assert torch.equal(logits, other(x, SUBSETS).logits)
    logits.square().mean().backward()
    learnt = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert learnt == {"segmenter"}


def test_half_precision_is_fused_in_single_precision() -> None:
    network = network_of().train()
    x = example(SUBSETS)
    expected = network_of().train()(x, SUBSETS)
    with torch.autocast("cpu", torch.bfloat16):
        result = network(x, SUBSETS)
    assert result.logits.dtype == torch.bfloat16
    assert result.variance.dtype == torch.float32
    torch.testing.assert_close(result.variance, expected.variance, rtol=0.05, atol=0.02)


def test_parameters_carry_the_names_of_their_modalities() -> None:
    keys = network_of().state_dict().keys()
    assert {key.split(".")[0] for key in keys} == {"encoders", "segmenter", "decoders"}
    per_modality = {tuple(key.split(".")[:2]) for key in keys if not key.startswith("segmenter")}
    assert per_modality == {(part, name) for part in ("encoders", "decoders") for name in MODALITIES}


def test_what_standardises_an_encoder_has_no_parameters() -> None:
    assert all(not list(encoder[-1].parameters()) for encoder in network_of().encoders.values())


def test_a_network_for_other_modalities_takes_over_those_that_both_have() -> None:
    source = network_of()
    plan = replace(PLAN, modalities=("FLAIR", "ADC"))
    torch.manual_seed(1)
    target = build_model("urn", plan)
    own = {name: value.clone() for name, value in target.state_dict().items()}
    state = carry_over(source.state_dict(), PLAN, target, URN, plan)
    for key, value in state.items():
        taken = own if ".FLAIR." in key else source.state_dict()
        assert torch.equal(value, taken[key]), key
    target.load_state_dict(state)


def test_a_sample_without_any_modality_is_refused() -> None:
    present = torch.tensor([[1, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match=r"at least one modality, got \[\[1, 0, 0\], \[0, 0, 0\]\]"):
        network_of()(example(present), present)


@pytest.mark.parametrize("shape", [(1, 2, 1, 8, 16), (1, 3, 1, 9, 16)], ids=str)
def test_an_input_that_does_not_fit_is_named(shape: tuple[int, ...]) -> None:
    given = ", ".join(map(str, shape))
    for call in (network_of(), network_of().synthesise):
        with pytest.raises(ValueError, match=rf"\[B, 3, D, H, W\] .* by \[1, 2, 2\], got \[{given}\]"):
            call(torch.zeros(shape))
