"""Our networks against the published package, with the same weights."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from models import MODELS, build_model
from models.parts.unet_planning import UNetPlan

unet = pytest.importorskip(
    "dynamic_network_architectures.architectures.unet",
    reason="needs dynamic-network-architectures, installed with --no-deps",
)

ISOTROPIC = (((1, 1, 1), (2, 2, 2), (2, 2, 2)), ((3, 3, 3), (3, 3, 3), (3, 3, 3)), (8, 12, 16))
ANISOTROPIC = (
    ((1, 1, 1), (1, 2, 2), (2, 2, 2), (1, 2, 2)),
    ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3)),
    (10, 24, 32),
)
CONVS = {"nnunet": ((2, 2, 2, 2), (2, 2, 2)), "resenc_unet": ((1, 3, 2, 2), (1, 1, 1))}
REFERENCES = {"nnunet": "PlainConvUNet", "resenc_unet": "ResidualEncoderUNet"}

# Our module's name, and where the package keeps it. A block's `0` is the convolution, `1` the norm.
PARTS = {"0": "conv", "1": "norm"}
MAPPING = [
    (r"stem\.([01])", "encoder.stem.convs.0.{part}"),
    (r"encoder\.(?P<s>\d+)\.(?P<b>\d+)\.([01])", "encoder.stages.{s}.0.convs.{b}.{part}"),
    (r"encoder\.(?P<s>\d+)\.(?P<b>\d+)\.(?P<c>conv[12])\.([01])", "encoder.stages.{s}.blocks.{b}.{c}.{part}"),
    (
        r"encoder\.(?P<s>\d+)\.(?P<b>\d+)\.skip\.(?P<k>\d)\.([01])",
        "encoder.stages.{s}.blocks.{b}.skip.{k}.{part}",
    ),
    (r"decoder\.stages\.(?P<s>\d+)\.(?P<b>\d+)\.([01])", "decoder.stages.{s}.convs.{b}.{part}"),
    (r"decoder\.ups\.(?P<s>\d+)", "decoder.transpconvs.{s}"),
    (r"decoder\.heads\.(?P<s>\d+)", "decoder.seg_layers.{s}"),
]


def counterpart(name: str) -> str:
    module, _, kind = name.rpartition(".")
    for pattern, template in MAPPING:
        if match := re.fullmatch(pattern, module):
            return template.format(**match.groupdict(), part=PARTS.get(module[-1], "")) + f".{kind}"
    raise AssertionError(f"{name} has no counterpart")


def make_plan(name: str, layout: tuple, *, deep_supervision: bool = True) -> UNetPlan:
    strides, kernels, patch = layout
    n = len(strides)
    encoder, decoder = CONVS[name]
    # The last two stages have as many channels: their skip is pooled and not projected.
    features = (4, 8, 12, 12)[:n] if n > 3 else (4, 8, 8)
    modalities = ("DWI", "ADC", "B0")
    convs = encoder[:n], decoder[: n - 1]
    plan = MODELS[name].plan_type(modalities, 2, patch, strides, kernels, features, *convs, deep_supervision)
    assert isinstance(plan, UNetPlan)
    return plan


def make_reference(name: str, plan: UNetPlan) -> nn.Module:
    return getattr(unet, REFERENCES[name])(
        plan.n_inputs,
        plan.stages,
        plan.features,
        nn.Conv3d,
        plan.kernel_sizes,
        plan.strides,
        plan.convs_encoder,
        plan.n_classes,
        plan.convs_decoder,
        conv_bias=True,
        norm_op=nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=True,
    )


def pair(name: str, layout: tuple, dtype: torch.dtype) -> tuple[nn.Module, nn.Module, Tensor]:
    torch.manual_seed(1)
    plan = make_plan(name, layout)
    reference = make_reference(name, plan).to(dtype)
    with torch.no_grad():
        for parameter in reference.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-1, 1)
    ours = build_model(name, plan).to(dtype)
    weights = reference.state_dict()
    ours.load_state_dict({key: weights[counterpart(key)] for key in ours.state_dict()})
    return ours, reference, torch.randn(2, plan.n_inputs, *plan.patch_size, dtype=dtype)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=str)
@pytest.mark.parametrize("layout", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_logits_equal_the_package_s(name: str, layout: tuple, dtype: torch.dtype, tolerance: float) -> None:
    ours, reference, x = pair(name, layout, dtype)
    with torch.no_grad():
        expected = reference(x)
        supervised, final = ours.train()(x), ours.eval()(x)
    torch.testing.assert_close(supervised, expected, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(final, expected[0], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("layout", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_gradients_equal_the_package_s(name: str, layout: tuple) -> None:
    ours, reference, x = pair(name, layout, torch.float64)
    for network in (ours.train(), reference):
        sum(logits.square().sum() for logits in network(x)).backward()
    expected = {id(p): p for p in reference.parameters()}
    for key, parameter in ours.named_parameters():
        other = reference.get_parameter(counterpart(key))
        torch.testing.assert_close(
            parameter.grad, other.grad, rtol=1e-8, atol=1e-8, msg=lambda m, k=key: f"{k}: {m}"
        )
        expected.pop(id(other))
    assert not expected, "the package has parameters that ours lack"


@pytest.mark.parametrize("layout", [ISOTROPIC, ANISOTROPIC], ids=["isotropic", "anisotropic"])
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_feature_elements_equal_the_package_s(name: str, layout: tuple) -> None:
    plan = make_plan(name, layout)
    reference = make_reference(name, plan)
    reference.decoder.deep_supervision = False  # nnU-Net plans without it
    assert plan.elements() == reference.compute_conv_feature_map_size(plan.patch_size)


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_weights_begin_as_the_package_s(name: str) -> None:
    plan = UNetPlan(
        ("DWI", "ADC"), 2, (8, 8, 8), ((1, 1, 1), (2, 2, 2)), ((3, 3, 3),) * 2, (32, 64), (2, 2), (1,)
    )
    torch.manual_seed(0)
    ours, reference = build_model(name, plan), make_reference(name, plan)
    reference.apply(reference.initialize)
    for key, parameter in ours.named_parameters():
        other = reference.get_parameter(counterpart(key))
        if parameter.ndim == 1:  # biases, scales and shifts are constant
            torch.testing.assert_close(parameter, other)
        else:
            spread, expected = (weights.detach().std().item() for weights in (parameter, other))
            assert spread == pytest.approx(expected, rel=0.2), key
