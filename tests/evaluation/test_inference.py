from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import norm
from torch import nn
from torch.nn import functional

from models import Scans, plan_model
from study.config import Model
from study.evaluation.inference import predict_probability, predict_subsets, sliding_window
from study.imaging.windows import Windows
from study.machine.runtime import Runtime

CPU = Runtime.choose("cpu", "fp32")


class Network(nn.Module):
    """Two convolutions; 2 logits; gives a list in training as deep supervision does."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(
            nn.Conv3d(inputs, 4, 3, padding=1), nn.Tanh(), nn.Conv3d(4, 2, 3, padding=1)
        )
        self.batches: list[int] = []
        self.presence: list[list[float]] = []

    def forward(self, x, present=None):  # type: ignore[no-untyped-def]
        self.batches.append(len(x))
        self.presence += present.tolist()
        logits = self.layers(x)
        return [logits, logits] if self.training else logits


def plain_blend(network: Any, image: torch.Tensor, patch: Any, overlap: float, weighted: bool = True) -> Any:
    """A plain reading of nnU-Net's sliding window, with weights about the middle of a window; [C, D, H, W]."""
    short = [max(length - size, 0) for length, size in zip(patch, image.shape[1:], strict=True)]
    pads = [(one // 2, one - one // 2) for one in short]
    padded = functional.pad(image, [side for pad in reversed(pads) for side in pad])
    corners, weight = [], np.ones(())
    for size, length in zip(padded.shape[1:], patch, strict=True):
        count = int(np.ceil((size - length) / max(length * (1 - overlap), 1))) + 1
        corners.append(np.linspace(0, size - length, count).round().astype(int))
        profile = norm(loc=(length - 1) / 2, scale=length / 8).pdf(np.arange(length))
        weight = np.multiply.outer(weight, profile if weighted else np.ones(length))
    total, weights = 0.0, np.zeros(padded.shape[1:])
    for corner in product(*corners):
        window = tuple(slice(first, first + length) for first, length in zip(corner, patch, strict=True))
        with torch.inference_mode():
            output = network(padded[(None, slice(None), *window)])[0].numpy()
        placed = np.zeros((len(output), *padded.shape[1:]))
        placed[(slice(None), *window)] = output * weight
        total = total + placed
        weights[window] += weight
    inner = tuple(
        slice(before, before + size) for (before, _), size in zip(pads, image.shape[1:], strict=True)
    )
    return (total / weights)[(slice(None), *inner)]


@pytest.mark.parametrize(
    ("size", "patch", "overlap"),
    [
        ((13, 21, 18), (8, 8, 8), 0.5),
        ((9, 40, 17), (4, 16, 16), 0.25),
        ((5, 30, 6), (8, 16, 8), 0.5),  # smaller than the window in two axes, by an odd number in one
        ((8, 16, 16), (8, 8, 16), 0.0),
        ((3, 5, 7), (8, 8, 8), 0.5),  # one window
        ((12, 9, 9), (5, 5, 5), 0.9),  # steps of one voxel
    ],
)
def test_windows_are_blended_as_in_nnunet(size: Any, patch: Any, overlap: float) -> None:
    torch.manual_seed(1)
    network = nn.Conv3d(2, 3, 3, padding=1)
    image = torch.randn(2, *size)
    with torch.inference_mode():
        ours = sliding_window(network, Windows(image), patch, overlap, windows_per_batch=3)
    assert ours.shape == (3, *size)
    np.testing.assert_allclose(ours.numpy(), plain_blend(network, image, patch, overlap), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("length", "patch", "overlap", "starts"),
    [
        (110, 64, 0.5, [0, 23, 46]),
        (64, 64, 0.5, [0]),
        (65, 64, 0.5, [0, 1]),
        (30, 10, 0.8, list(range(0, 21, 2))),
        (7, 5, 0.99, [0, 1, 2]),
        (128, 64, 0.0, [0, 64]),
    ],
)
def test_windows_are_evenly_spaced(length: int, patch: int, overlap: float, starts: list[int]) -> None:
    found: list[int] = []

    def network(windows: torch.Tensor) -> torch.Tensor:
        found.extend(windows[:, 0, 0, 0, 0].int().tolist())
        return windows

    numbers = torch.arange(length, dtype=torch.float32)[None, :, None, None]
    sliding_window(network, Windows(numbers), (patch, 1, 1), overlap, windows_per_batch=4)
    assert found == starts


def test_probability_is_the_softmax_of_blended_logits() -> None:
    network = Network(2).eval()
    image = np.random.default_rng(0).normal(size=(2, 11, 20, 20)).astype(np.float32)
    ours = predict_probability(network, Windows(image), (True, True), (8, 8, 8), 0.5, 4, CPU)
    logits = plain_blend(network.layers, torch.from_numpy(image), (8, 8, 8), 0.5)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, softmax(logits, 0)[1], rtol=0, atol=1e-5)


def test_absent_modalities_cannot_change_the_output_and_are_told_to_the_network():
    network = Network(3)
    image = np.random.default_rng(0).normal(size=(3, 6, 12, 12)).astype(np.float32)
    other = image.copy()
    other[1] = np.nan
    one, two = (
        predict_probability(network, Windows(each), (True, False, True), (6, 8, 8), 0.5, 4, CPU)
        for each in (image, other)
    )
    np.testing.assert_array_equal(one, two)
    assert {tuple(code) for code in network.presence} == {(1.0, 0.0, 1.0)}


def test_every_window_passes_in_batches_even_where_the_image_is_empty():
    network = Network(1)
    predict_probability(
        network, Windows(np.zeros((1, 8, 16, 20), np.float32)), (True,), (8, 8, 8), 0.5, 4, CPU
    )
    assert network.batches == [4, 4, 4]  # 1 x 3 x 4 windows


def test_a_single_stack_passes_alone_and_a_single_patch_twice() -> None:
    plan = plan_model("lstm", Model().model_dump() | {"slices": 8}, Scans(("SWAN",), (8, 6, 8), (1, 1, 1), 1))
    patch, stack = Network(1), Network(1)
    stack.plan = plan
    for network in (patch, stack):
        predict_probability(
            network, Windows(np.ones((1, 16, 6, 8), np.float32)), (True,), (8, 6, 8), 0.0, 1, CPU
        )
    assert patch.batches == [2, 2]
    assert stack.batches == [1, 1]


def test_a_volume_of_one_window_passes_once():
    network = Network(1)
    predict_probability(network, Windows(np.ones((1, 8, 6, 8), np.float32)), (True,), (8, 8, 8), 0.5, 4, CPU)
    assert len(network.batches) == 1


def test_subsets_predicted_together_equal_subsets_predicted_alone():
    network = Network(3)
    image = np.random.default_rng(0).normal(size=(3, 6, 12, 12)).astype(np.float32)
    subsets = [(True, True, True), (True, False, True), (False, True, False)]
    together = predict_subsets(network, Windows(image), subsets, (6, 8, 8), 0.5, 4, CPU)
    for present, probability in zip(subsets, together, strict=True):
        alone = predict_probability(network, Windows(image), present, (6, 8, 8), 0.5, 4, CPU)
        np.testing.assert_allclose(probability, alone, rtol=0, atol=1e-6)


def test_training_mode_is_restored_and_gradients_still_flow_afterwards():
    network = Network(1).train()
    image = np.ones((1, 4, 4, 4), np.float32)
    image.flags.writeable = False  # as memory-mapped arrays are
    predict_probability(network, Windows(image), (True,), (4, 4, 4), 0.5, 1, CPU)
    assert network.training
    network(torch.ones(1, 1, 4, 4, 4), torch.ones(1, 1))[0].sum().backward()
    assert network.layers[0].weight.grad is not None


def test_training_mode_is_restored_after_an_error():
    network = Network(2).train()
    with pytest.raises(RuntimeError):
        predict_probability(
            network, Windows(np.ones((1, 4, 4, 4), np.float32)), (True,), (4, 4, 4), 0.5, 1, CPU
        )
    assert network.training


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_reduced_precision_stays_close(device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    network = Network(1).to(device)
    image = np.random.default_rng(0).normal(size=(1, 8, 12, 12)).astype(np.float32)
    full, reduced = (
        predict_probability(
            network, Windows(image), (True,), (8, 8, 8), 0.5, 2, Runtime(torch.device(device), precision)
        )
        for precision in (torch.float32, torch.bfloat16)
    )
    assert reduced.dtype == np.float32
    assert 0 < np.abs(full - reduced).max() < 0.02


@pytest.mark.parametrize(
    ("size", "patch", "overlap"), [((13, 21, 18), (8, 8, 8), 0.5), ((5, 30, 6), (8, 16, 8), 0.5)]
)
def test_mean_probability_is_the_plain_mean_over_windows(size: Any, patch: Any, overlap: float) -> None:
    network = Network(2).eval()
    image = np.random.default_rng(0).normal(size=(2, *size)).astype(np.float32)
    ours = predict_probability(
        network, Windows(image), (True, True), patch, overlap, 3, CPU, blending="mean_probability"
    )
    theirs = plain_blend(
        lambda x: network.layers(x).softmax(1), torch.from_numpy(image), patch, overlap, weighted=False
    )
    np.testing.assert_allclose(ours, theirs[1], rtol=0, atol=1e-5)


class Reading(nn.Module):
    """Its logits' difference is the sum of what it reads, each modality in its own decimal place."""

    def forward(self, x, present=None):  # type: ignore[no-untyped-def]
        said = (x * torch.tensor([1.0, 10.0, 100.0])[None, :, None, None, None]).sum(1)
        return torch.stack([torch.zeros_like(said), said], 1)


def own_slices() -> Windows:
    """SWAN and PHASE in 8 slices; DWI in 3 that are thrice as thick, at the slices 1, 4 and 7."""
    image = np.zeros((3, 8, 2, 2), np.float32)
    image[1:] = np.arange(1, 9, dtype=np.float32)[:, None, None] / 10
    thick = np.array([0.1, 0.2, 0.3], np.float32)[None, :, None, None] * np.ones((1, 3, 2, 2), np.float32)
    return Windows(image, thick, (0,), -1 / 3, 1 / 3)


def logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability / (1 - probability))


def test_windows_show_own_slices_around_their_middle() -> None:
    """Two stacks of 4 slices, around the slices 1.5 and 5.5: own slices 0.17 and 1.5, so -1 to 2 and 0 to 3."""
    maps = predict_subsets(
        Reading(), own_slices(), [(1, 0, 0), (0, 1, 0)], (4, 2, 2), 0.0, 1, CPU, blending="mean_probability"
    )
    dwi, swan = (logit(one[:, 0, 0].astype(np.float64)) for one in maps)
    np.testing.assert_allclose(dwi, [0, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3, 0], atol=1e-5)
    np.testing.assert_allclose(swan, np.arange(1, 9), rtol=1e-3)


def test_own_slices_of_an_absent_modality_cannot_change_the_output() -> None:
    one, two = own_slices(), own_slices()
    two.own[:] = np.nan
    two.image[2] = np.nan
    first, second = (
        predict_probability(Reading(), source, (False, True, False), (4, 2, 2), 0.5, 2, CPU)
        for source in (one, two)
    )
    np.testing.assert_array_equal(first, second)


def test_a_stack_longer_than_the_volume_is_padded_with_zeros() -> None:
    seen: list[torch.Tensor] = []

    class Watching(Reading):
        def forward(self, x, present=None):  # type: ignore[no-untyped-def]
            seen.append(x[0, :, :, 0, 0])
            return super().forward(x)

    probability = predict_probability(Watching(), own_slices(), (True, True, False), (12, 2, 2), 0.5, 2, CPU)
    assert probability.shape == (8, 2, 2)
    (stack,) = seen
    # Own slice 0.83 is in the middle; the stack from -5 to 6 has 0.5 there, the next one 1.5.
    expected = [0.0] * 5 + [0.1, 0.2, 0.3] + [0.0] * 4
    torch.testing.assert_close(stack[0], torch.tensor(expected))
    torch.testing.assert_close(stack[1], torch.tensor([0, 0, *[n / 10 for n in range(1, 9)], 0, 0]))
