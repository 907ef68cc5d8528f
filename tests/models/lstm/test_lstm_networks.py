"""The thrombus networks as wholes."""

from __future__ import annotations

from typing import Any

import naive_recurrent as naive
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from model_cases import small_plan
from torch import Tensor, nn

from models import MODELS, Scans, build_model, plan_model
from models.lstm.plan import StackPlan
from models.parts.first_convolution import find_first_convolution
from models.parts.transfer import carry_over
from study.config import Model

MODALITIES = ("DWI", "ADC", "SWAN", "PHASE")
KINDS = ("llstm", "clstm")
SLICES = 3


def network(name: str, kind: str = "llstm", dtype: torch.dtype = torch.float64, **changes: Any) -> nn.Module:
    recurrent = {"kind": kind, "conv_channels": 2, "logic_scales": 3, "multiplicity": 2}
    torch.manual_seed(0)
    return build_model(name, plan_of(name, recurrent=recurrent, **changes)).to(dtype).eval()


def plan_of(name: str, **changes: Any) -> StackPlan:
    settings: dict[str, Any] = {"slices": SLICES, "patch_size": (SLICES, 16, 16), **changes}
    plan = small_plan(name, MODALITIES, **settings)
    assert isinstance(plan, StackPlan)
    return plan


def stack(samples: int = 2, slices: int = SLICES, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(samples, len(MODALITIES), slices, 16, 16, generator=generator, dtype=torch.float64)


def features_of(name: str, x: Tensor, state: naive.State) -> naive.Array:
    """What enters the recurrent part, of one slice `[M, H, W]`."""
    if name == "lstm":
        return naive.elu(naive.convolve(x.numpy(), state["stem.weight"], state["stem.bias"]))
    dwi, susceptibility = x[:1].numpy(), x[2:].numpy()
    attended = naive.cross_attention(
        dwi, susceptibility, naive.inside(state, "attention."), skip_attended=False
    )
    if name == "attlstm":
        return naive.elu(naive.convolve(attended, state["smooth.weight"], state["smooth.bias"]))
    return naive.up_block(attended, susceptibility, naive.inside(state, "up."))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["lstm", "attlstm", "upattlstm"])
def test_a_network_is_its_parts_one_after_another(
    name: str, kind: str, dtype: torch.dtype, tolerance: float
) -> None:
    model = network(name, kind, dtype)
    x = stack(samples=1)
    logits = model(x.to(dtype)).detach().double()
    assert logits.shape == (1, 2, SLICES, 16, 16)
    state = {key: value.double().numpy() for key, value in model.state_dict().items()}
    slices = [features_of(name, x[0, :, i], state) for i in range(SLICES)]
    recurrent = naive.inside(state, "recurrent.")
    plan = plan_of(name, recurrent={"kind": kind, "logic_scales": 3, "multiplicity": 2})
    expected = torch.from_numpy(np.stack(naive.recurrent_part(slices, recurrent, "forward", 2, plan.windows)))
    if name == "attlstm":
        expected = F.interpolate(expected, size=(16, 16), mode="bilinear")
    torch.testing.assert_close(logits[0], expected.transpose(0, 1), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["attlstm", "upattlstm"])
def test_attention_networks_see_only_the_modalities_that_they_are_told(name: str) -> None:
    model, x = network(name), stack()
    other = x.clone()
    other[:, 1] = 7
    assert torch.equal(model(x), model(other))
    other[:, 0] = 7
    assert not torch.allclose(model(x), model(other))
    swapped = network(name, attention={**SIZES, "dwi": "ADC", "susceptibility": ["PHASE", "SWAN"]})
    exchanged = x[:, [1, 0, 3, 2]]
    torch.testing.assert_close(swapped(x), model(exchanged), rtol=1e-12, atol=1e-12)


SIZES = {"patch_dwi": 8, "patch_swan": 4, "channels": 8}


@pytest.mark.parametrize("name", ["lstm", "attlstm", "upattlstm"])
def test_any_number_of_slices_will_do(name: str) -> None:
    model = network(name)
    for slices in (1, 2, 7):
        assert model(stack(slices=slices)).shape == (2, 2, slices, 16, 16)


@pytest.mark.parametrize("name", ["lstm", "attlstm", "upattlstm"])
def test_every_slice_knows_of_every_other_by_its_two_passes(name: str) -> None:
    model, x = network(name), stack(samples=1)
    for changed in range(SLICES):
        other = x.clone()
        other[:, :, changed] += 1
        difference = (model(other) - model(x)).abs().amax((0, 1, 3, 4))
        assert (difference > 1e-9).all(), changed


def test_without_attention_a_slice_may_have_any_size() -> None:
    assert network("lstm")(torch.zeros(1, 4, 2, 9, 21, dtype=torch.float64)).shape == (1, 2, 2, 9, 21)


@pytest.mark.parametrize("name", ["attlstm", "upattlstm"])
@pytest.mark.parametrize("shape", [(1, 4, 3, 16, 24), (1, 4, 3, 8, 16), (1, 3, 3, 16, 16), (4, 3, 16, 16)])
def test_what_does_not_fit_the_learned_positions_is_named(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\[B, 4, D, 16, 16\].*positions.*got \[" + str(shape[0])):
        network(name)(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["lstm", "attlstm", "upattlstm"])
def test_recomputing_does_not_change_gradients(name: str, kind: str) -> None:
    results = []
    for recompute in (True, False):
        recurrent = {"kind": kind, "logic_scales": 3, "multiplicity": 2, "recompute": recompute}
        torch.manual_seed(0)
        model = build_model(name, plan_of(name, recurrent=recurrent)).double().train()
        model(stack()).square().mean().backward()
        results.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def published(name: str, kind: str) -> nn.Module:
    settings = {"name": name, "recurrent": {"kind": kind, "conv_channels": 4 if kind == "llstm" else 28}}
    scans = Scans(("DWI", "SWAN", "PHASE"), (24, 256, 256), (4.0, 1.0, 1.0), 2)
    plan = plan_model(name, Model.model_validate(settings).model_dump(), scans)
    with torch.device("meta"):
        return build_model(name, plan)


MLP = 32 * 64 + 64 + 64 * 32 + 32
NORM = 2 * 32
TOKENS = (32 * 32 * 32 + 32 + 32 + 65 * 32) + (2 * 4 * 4 * 32 + 32 + 32 + 4097 * 32)
ATTENTION = TOKENS + 4 * MLP + 4 * NORM
CLASSIFY = 28 * 2 + 2
RECURRENT = {
    "llstm": 4 * ((40 * 9 + 1) * 28 + 48 * 4 + (72 + 1) * 24) + CLASSIFY,
    "clstm": 4 * (88 * 9 + 1) * 28 + CLASSIFY,
}
BEFORE = {
    "lstm": 3 * 25 * 32 + 32,
    "attlstm": ATTENTION + 32 * 49 * 32 + 32,
    "upattlstm": ATTENTION + (2 * 9 * 12 + 12) + (44 * 49 * 32 + 32) + 2 * 32,
}
COUNTED = {
    ("lstm", "llstm"): 50_698,
    ("lstm", "clstm"): 91_306,
    ("attlstm", "llstm"): 282_602,
    ("attlstm", "clstm"): 323_210,
    ("upattlstm", "llstm"): 301_710,
    ("upattlstm", "clstm"): 342_318,
}


@pytest.mark.parametrize(("name", "kind"), COUNTED)
def test_the_published_sizes_have_as_many_parameters_as_the_equations(name: str, kind: str) -> None:
    count = sum(parameter.numel() for parameter in published(name, kind).parameters())
    assert count == BEFORE[name] + RECURRENT[kind] == COUNTED[name, kind]


def test_the_dynamic_head_finds_the_first_convolution_of_lstm_only() -> None:
    plan = plan_of("lstm")
    assert find_first_convolution(build_model("lstm", plan), plan)[0] == "stem"
    plan = plan_of("upattlstm")
    with pytest.raises(ValueError, match="reads 2 of 4 modalities"):
        find_first_convolution(build_model("upattlstm", plan), plan)


@pytest.mark.parametrize("name", ["lstm", "upattlstm"])
def test_weights_are_carried_over_to_other_modalities_by_name(name: str) -> None:
    source = small_plan(name, ("DWI", "SWAN"), attention={**SIZES, "susceptibility": ["SWAN"]})
    target = small_plan(
        name, ("PHASE", "DWI", "SWAN"), attention={**SIZES, "susceptibility": ["PHASE", "SWAN"]}
    )
    before, after = build_model(name, source).eval(), build_model(name, target).eval()
    after.load_state_dict(carry_over(before.state_dict(), source, after, MODELS[name].build, target))
    x = torch.randn(1, 3, 8, 16, 16)
    torch.testing.assert_close(after(x), before(x[:, 1:]))
