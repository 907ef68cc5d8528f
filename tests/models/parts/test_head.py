from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from model_cases import MODALITIES, PATCH, small_plan
from naive_head import scaled_convolution, scales_of
from torch import Tensor, nn

from models import MODELS, Plan, build_model
from models.parts.head import DynamicHead
from models.parts.transfer import carry_over

PLUGGED = ("nnunet", "resenc_unet", "multiunet", "unet2d", "tiramisu", "lstm")
CODES = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 0.25, 0.75], [0.0, 0.0, 1.0]])


class Convolves(nn.Module):
    """One convolution, in 2D with the slices of a sample as rows, as networks have it."""

    def __init__(self, convolution: nn.Module) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
        if isinstance(self.convolution, nn.Conv2d) or self.convolution.weight.ndim == 4:
            x = x.transpose(1, 2).flatten(0, 1)
        result: Tensor = self.convolution(x)
        return result


CONVOLUTIONS = {
    "3D": lambda: nn.Conv3d(3, 2, 3, padding=1),
    "3D, strided, without bias": lambda: nn.Conv3d(3, 2, (2, 3, 3), (2, 2, 1), (0, 1, 1), bias=False),
    "3D, padded beyond the kernel": lambda: nn.Conv3d(3, 1, (1, 3, 2), 1, (1, 2, 0)),
    "2D": lambda: nn.Conv2d(3, 2, 3, padding=1),
    "2D, strided": lambda: nn.Conv2d(3, 2, (3, 2), 2, (1, 0)),
}


def headed(convolution: nn.Module, size: tuple[int, int, int], init: str = "paper") -> DynamicHead:
    """A head in double precision whose scales are far from 0, 1 and each other."""
    head = DynamicHead(Convolves(convolution), Plan(MODALITIES, 2, size), init).double()
    if init == "paper":
        with torch.no_grad():
            head.scales.weight.normal_()
            head.scales.bias.normal_()
    return head


def expected(head: DynamicHead, x: Tensor, codes: Tensor) -> np.ndarray:
    convolution = head.convolution
    rows = []
    for sample, code in zip(x.numpy(), codes.double().numpy(), strict=True):
        scales = scales_of(code, head.scales.weight.detach().numpy(), head.scales.bias.detach().numpy())
        inputs = sample.swapaxes(0, 1) if convolution.weight.ndim == 4 else [sample]
        for row in inputs:
            kernels = convolution.weight.detach().numpy()
            biases = None if convolution.bias is None else convolution.bias.detach().numpy()
            rows.append(
                scaled_convolution(row, kernels, biases, scales, convolution.stride, convolution.padding)
            )
    return np.stack(rows)


def fitting(size: tuple[int, int, int], name: str) -> tuple[int, int, int]:
    """In 3D a single slice is too little for some kernels."""
    return (3, *size[1:]) if name.startswith("3D") and size[0] == 1 else size


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-5), (torch.float32, 1e-4)], ids=str)
@pytest.mark.parametrize("size", [(4, 5, 6), (5, 4, 4), (1, 6, 3)], ids=str)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_every_sample_is_convolved_with_kernels_scaled_for_its_code(
    name: str, size: tuple[int, int, int], dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(0)
    size = fitting(size, name)
    head = headed(CONVOLUTIONS[name](), size)
    x = torch.randn(len(CODES), 3, *size, dtype=torch.float64)
    with torch.no_grad():
        y = copy.deepcopy(head).to(dtype)(x.to(dtype), CODES)
    assert y.dtype == dtype
    np.testing.assert_allclose(y.numpy(), expected(head, x, CODES), rtol=0, atol=tolerance)


def test_samples_with_one_code_share_their_kernels() -> None:
    head = headed(nn.Conv3d(3, 2, 3, padding=1), (4, 4, 4))
    x = torch.randn(2, 3, 4, 4, 4, dtype=torch.float64)
    with torch.no_grad():
        for code in CODES:
            np.testing.assert_allclose(
                head(x, code.expand(2, 3)).numpy(), expected(head, x, code.expand(2, 3)), rtol=0, atol=1e-5
            )


def test_without_a_code_all_modalities_are_there() -> None:
    head = headed(nn.Conv3d(3, 2, 3), (4, 4, 4))
    x = torch.randn(2, 3, 4, 4, 4, dtype=torch.float64)
    assert torch.equal(head(x), head(x, torch.ones(2, 3)))


@pytest.mark.parametrize("codes", [CODES[:2], CODES[[1, 1]]], ids=["two codes", "one code"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_gradients_are_those_of_finite_differences(name: str, codes: Tensor) -> None:
    torch.manual_seed(0)
    head = headed(CONVOLUTIONS[name](), (3, 3, 4))
    x = torch.randn(2, 3, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    names = [key for key, _ in head.named_parameters()]

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(
            head, dict(zip(names, parameters, strict=True)), (x, codes)
        )
        return result

    assert torch.autograd.gradcheck(run, (x, *head.parameters()), fast_mode=True)


@pytest.mark.parametrize("slices", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_gradients_in_single_precision_are_those_in_double(name: str, slices: int) -> None:
    torch.manual_seed(0)
    size = fitting((slices, 6, 5), name)
    double = headed(CONVOLUTIONS[name](), size)
    single = copy.deepcopy(double).float()
    x = torch.randn(len(CODES), 3, *size, dtype=torch.float64, requires_grad=True)
    same = x.detach().float().requires_grad_()
    weights = torch.randn_like(double(x, CODES))
    (double(x, CODES) * weights).sum().backward()
    (single(same, CODES) * weights.float()).sum().backward()
    for one, other in zip((x, *double.parameters()), (same, *single.parameters()), strict=True):
        assert one.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(other.grad.double(), one.grad, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", PLUGGED)
def test_as_the_identity_it_begins_as_the_bare_network(name: str) -> None:
    plan = small_plan(name)
    bare = build_model(name, plan).eval()
    head = DynamicHead(copy.deepcopy(bare), plan, "identity").eval()
    x = torch.randn(2, len(MODALITIES), *PATCH)
    code = CODES[1].expand(2, 3)
    with torch.no_grad():
        assert torch.equal(head(x), bare(x))
        assert torch.equal(head(x, code), bare(x, code))
        torch.testing.assert_close(head(x, CODES[:2]), bare(x, CODES[:2]), rtol=1e-4, atol=1e-4)


def test_as_published_its_scales_begin_near_0() -> None:
    torch.manual_seed(0)
    head = DynamicHead(Convolves(nn.Conv3d(3, 64, 1)), Plan(MODALITIES, 2, (1, 1, 1)), "paper")
    assert head.scales.weight.shape == (3 * 64 + 64, 3)
    assert head.scales.weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not head.scales.bias.any()


@pytest.mark.parametrize("init", ["identity", "paper"])
@pytest.mark.parametrize("name", PLUGGED)
def test_every_parameter_gets_a_gradient_in_plain_order(name: str, init: str) -> None:
    torch.manual_seed(0)
    head = build_model(name, small_plan(name), init).train()
    outputs = head(torch.randn(2, len(MODALITIES), *PATCH), CODES[1:3])
    sum(
        logits.square().mean() for logits in ([outputs] if isinstance(outputs, Tensor) else outputs)
    ).backward()
    for key, parameter in head.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        assert parameter.grad.stride() == parameter.stride(), key
    assert head.scales.weight.grad is not None
    assert head.scales.weight.grad.any()


@pytest.mark.parametrize("name", PLUGGED)
def test_in_evaluation_a_sample_does_not_depend_on_the_others_codes(name: str) -> None:
    torch.manual_seed(0)
    head = build_model(name, small_plan(name), "paper").eval()
    nn.init.normal_(head.scales.weight)
    nn.init.normal_(head.scales.bias)
    x = torch.randn(3, len(MODALITIES), *PATCH)
    with torch.no_grad():
        together = head(x, CODES[:3])
        for i in range(3):
            torch.testing.assert_close(
                together[i : i + 1], head(x[i : i + 1], CODES[i : i + 1]), rtol=1e-4, atol=1e-4
            )
        assert not torch.allclose(together[:1], head(x[:1], CODES[1:2]))


def test_the_network_still_gets_to_know_what_is_there() -> None:
    class Listens(Convolves):
        heard: Tensor | None = None

        def forward(self, x: Tensor, present: Tensor | None = None) -> Tensor:
            self.heard = present
            return super().forward(x, present)

    network = Listens(nn.Conv3d(3, 1, 1))
    DynamicHead(network, Plan(MODALITIES, 2, (1, 1, 1)), "identity")(torch.ones(2, 3, 1, 1, 1), CODES[:2])
    assert network.heard is not None
    assert torch.equal(network.heard, CODES[:2])


def test_the_network_s_parameters_keep_their_names() -> None:
    plan = small_plan("nnunet")
    bare = build_model("nnunet", plan)
    head = build_model("nnunet", plan, "identity")
    assert list(head.state_dict()) == [
        *(f"network.{key}" for key in bare.state_dict()),
        "scales.weight",
        "scales.bias",
    ]
    head.load_state_dict(carry_over(bare.state_dict(), plan, head, MODELS["nnunet"].build, plan))
    x = torch.randn(1, len(MODALITIES), *PATCH)
    with torch.no_grad():
        assert torch.equal(head.eval()(x), bare.eval()(x))


def test_it_can_be_copied_between_a_forward_and_a_backward_pass() -> None:
    head = headed(nn.Conv3d(3, 1, 1), (2, 2, 2))
    x = torch.randn(2, 3, 2, 2, 2, dtype=torch.float64)
    y = head(x, CODES[:2])
    copied = copy.deepcopy(head)
    assert torch.equal(copied(x, CODES[:2]), y)
    y.sum().backward()
    assert copied.scales.weight.grad is None


@pytest.mark.parametrize(
    "convolution", [nn.Conv2d(3, 4, 3, padding=1), nn.Conv3d(3, 4, 3, padding=1)], ids=["2D", "3D"]
)
def test_half_precision_is_left_to_autocast(convolution: nn.Module) -> None:
    torch.manual_seed(0)
    head = DynamicHead(Convolves(convolution), Plan(MODALITIES, 2, (2, 8, 8)), "identity")
    x = torch.randn(2, 3, 2, 8, 8)
    exact = head(x, CODES[:2])
    with torch.autocast("cpu", torch.bfloat16):
        y = head(x, CODES[:2])
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), exact, rtol=0.05, atol=0.05)
    y.float().square().sum().backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32


def test_shapes_alone_can_be_run() -> None:
    with torch.device("meta"):
        head = build_model("nnunet", small_plan("nnunet"), "identity")
        logits = head(torch.empty(2, 3, *PATCH), torch.empty(2, 3))
    assert [tuple(each.shape) for each in logits] == [(2, 2, 8, 16, 16), (2, 2, 8, 8, 8)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
@pytest.mark.parametrize("name", PLUGGED)
def test_a_gpu_computes_what_a_cpu_does(name: str) -> None:
    torch.manual_seed(0)
    head = build_model(name, small_plan(name), "paper").eval()
    nn.init.normal_(head.scales.bias, mean=1.0)
    x = torch.randn(4, len(MODALITIES), *PATCH)
    with torch.no_grad():
        expected = head(x, CODES)
        y = head.cuda()(x.cuda(), CODES.cuda())
    torch.testing.assert_close(y.cpu(), expected, rtol=1e-2, atol=1e-2)


def test_one_modality_does_no_harm() -> None:
    head = build_model("nnunet", small_plan("nnunet", MODALITIES[:1]), "identity").eval()
    nn.init.normal_(head.scales.weight)
    x, code = torch.randn(2, 1, *PATCH), torch.tensor([[1.0], [0.5]])
    with torch.no_grad():
        alone = torch.cat([head(x[i : i + 1], code[i : i + 1]) for i in range(2)])
        torch.testing.assert_close(head(x, code), alone, rtol=1e-4, atol=1e-4)
