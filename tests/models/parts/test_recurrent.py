"""The recurrent part against its equations, written one after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import naive_recurrent as naive
import numpy as np
import pytest
import torch
from torch import Tensor

from models.lstm.network import RecurrentPart
from models.lstm.plan import StackPlan
from models.parts import logic_step
from models.parts.logic_layout import Layout
from models.parts.recurrent import CLSTMCell, LLSTMCell

PASSES = ("forward", "reverse", "none")
WINDOWS = ((12, 10), (6, 5), (3, 2))


def stack_plan(**changes: Any) -> StackPlan:
    """Of images with 6×5 pixels and 3 channels."""
    settings: dict[str, Any] = {
        "modalities": ("DWI",),
        "n_classes": 2,
        "patch_size": (3, 6, 5),
        "channels": 3,
        "kind": "llstm",
        "conv_channels": 2,
        "windows": WINDOWS,
        "multiplicity": 2,
        "kernel_size": 3,
        "second_pass": "forward",
        "recompute": True,
    }
    return StackPlan(**{**settings, **changes})


def recurrent_part(dtype: torch.dtype = torch.float64, **changes: Any) -> RecurrentPart:
    torch.manual_seed(0)
    return RecurrentPart(stack_plan(**changes)).to(dtype)


def images(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


def state_of(module: torch.nn.Module) -> dict[str, Any]:
    return {key: value.double().numpy() for key, value in module.state_dict().items()}


@pytest.fixture(params=["one strip", "strips of a row"])
def strips(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One strip of all rows is what a GPU computes in."""
    if request.param == "strips of a row":
        monkeypatch.setattr(logic_step, "STRIP", 1)


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_logic_cell_follows_its_equations(kernel: int) -> None:
    torch.manual_seed(0)
    cell = LLSTMCell(3, Layout(2, WINDOWS, 2, kernel)).double()
    x = images(2, 1, 3, 6, 5)
    with torch.no_grad():
        after = cell(x, [0, 0, 0], recompute=True)
    for sample, h in zip(x[:, 0].numpy(), after[:, 0].numpy(), strict=True):
        c_expected = h_expected = np.zeros((8, 6, 5))
        for _ in range(3):
            c_expected, h_expected = naive.llstm_step(
                sample, c_expected, h_expected, state_of(cell), 2, WINDOWS
            )
        np.testing.assert_allclose(h, h_expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_convolutional_cell_follows_its_equations(kernel: int) -> None:
    torch.manual_seed(0)
    cell = CLSTMCell(3, 4, kernel).double()
    x = images(2, 1, 3, 6, 5)
    with torch.no_grad():
        after = cell(x, [0, 0, 0], recompute=True)
    for sample, h in zip(x[:, 0].numpy(), after[:, 0].numpy(), strict=True):
        c_expected = h_expected = np.zeros((4, 6, 5))
        for _ in range(3):
            c_expected, h_expected = naive.clstm_step(sample, c_expected, h_expected, state_of(cell))
        np.testing.assert_allclose(h, h_expected, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("second_pass", PASSES)
@pytest.mark.parametrize("windows", [WINDOWS, ()], ids=["llstm", "clstm"])
def test_slices_pass_through_the_recurrence_in_order_and_keep_their_state(
    windows: Sequence[tuple[int, int]], second_pass: str, dtype: torch.dtype, tolerance: float
) -> None:
    kind = "llstm" if windows else "clstm"
    part = recurrent_part(dtype, kind=kind, windows=windows, second_pass=second_pass)
    x = images(2, 4, 3, 6, 5, dtype=dtype)
    logits = part(x.flatten(0, 1), 4).detach().double().numpy().reshape(2, 4, 2, 6, 5)
    for sample, result in zip(x.double().numpy(), logits, strict=True):
        expected = naive.recurrent_part(list(sample), state_of(part), second_pass, 2, windows)
        np.testing.assert_allclose(result, np.stack(expected), rtol=tolerance, atol=tolerance)


def test_the_passes_differ() -> None:
    x = images(4, 3, 6, 5)
    results = [recurrent_part(second_pass=second_pass)(x, 4) for second_pass in PASSES]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(results[one], results[other])


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize("recompute", [True, False], ids=["recompute", "keep"])
@pytest.mark.parametrize(("kind", "second_pass"), list(product(("llstm", "clstm"), PASSES)))
def test_gradients_are_those_of_finite_differences(kind: str, second_pass: str, recompute: bool) -> None:
    windows = ((8, 6), (4, 3), (2, 1)) if kind == "llstm" else ()
    part = recurrent_part(
        kind=kind,
        channels=2,
        conv_channels=1,
        windows=windows,
        multiplicity=1,
        second_pass=second_pass,
        recompute=recompute,
    )
    x = images(4, 2, 4, 3).requires_grad_()  # two samples of two slices

    def logits(*_: Tensor) -> Tensor:
        return part(x, 2)

    assert torch.autograd.gradcheck(logits, (x, *part.parameters()), fast_mode=True)


def test_gradients_of_a_whole_jacobian_are_those_of_finite_differences() -> None:
    part = recurrent_part(channels=1, conv_channels=1, windows=((6, 4), (3, 2)), multiplicity=1)
    x = images(2, 1, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda *_: part(x, 2), (x, *part.parameters()))


@pytest.mark.parametrize("kind", ["llstm", "clstm"])
def test_recomputing_changes_memory_and_not_gradients(kind: str) -> None:
    kept_bytes, results = [], []
    for recompute in (True, False):
        part = recurrent_part(kind=kind, recompute=recompute)
        x = images(6, 3, 6, 5).requires_grad_()
        saved: dict[int, int] = {}

        def note(tensor: Tensor, saved: dict[int, int] = saved) -> Tensor:
            saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            logits = part(x, 3)
        kept_bytes.append(sum(saved.values()))
        results.append(torch.autograd.grad(logits, (x, *part.parameters()), torch.cos(logits.detach() + 1)))
    assert kept_bytes[0] < 0.6 * kept_bytes[1]
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["llstm", "clstm"])
def test_prediction_without_gradients_is_that_of_training(kind: str) -> None:
    part = recurrent_part(kind=kind)
    x = images(4, 3, 6, 5)
    with torch.no_grad():
        prediction = part(x, 4)
    assert torch.equal(prediction, part(x, 4))


@pytest.mark.parametrize("kind", ["llstm", "clstm"])
def test_half_precision_stays_close_and_keeps_the_parameters_gradients_single(kind: str) -> None:
    part = recurrent_part(torch.float32, kind=kind)
    x = images(4, 3, 6, 5, dtype=torch.float32)
    exact = part(x, 4)
    with torch.autocast("cpu", torch.bfloat16):
        logits = part(x, 4)
    torch.testing.assert_close(logits.float(), exact, rtol=0.02, atol=0.02)
    logits.float().square().mean().backward()
    for parameter in part.parameters():
        assert parameter.grad is not None
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("plane", [(1, 1), (1, 5), (2, 9)])
def test_images_smaller_than_kernel_and_windows_are_no_obstacle(plane: tuple[int, int]) -> None:
    part = recurrent_part(kernel_size=7)
    x = images(2, 3, *plane).requires_grad_()
    expected = naive.recurrent_part(list(x.detach().numpy()), state_of(part), "forward", 2, WINDOWS)
    logits = part(x, 2)
    np.testing.assert_allclose(logits.detach().numpy(), np.stack(expected), rtol=1e-12, atol=1e-14)
    assert torch.autograd.gradcheck(lambda y: part(y, 2), (x,), fast_mode=True)


def test_a_logic_cell_has_the_parameters_that_its_equations_count() -> None:
    part = recurrent_part(channels=32, conv_channels=4, windows=((2, 2),) * 8, multiplicity=3)
    per_gate = (40 * 9 + 1) * (4 + 24) + 48 * 4 + (72 + 1) * 24
    assert sum(parameter.numel() for parameter in part.cell.parameters()) == 4 * per_gate == 48_208
