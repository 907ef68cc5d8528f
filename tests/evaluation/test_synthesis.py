from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.urn.network import URN
from models.urn.plan import URNPlan
from study.cohort.availability import subsets_of
from study.evaluation.synthesis import psnr_db, ssim, synthesis_scores
from study.machine.runtime import Runtime

CPU = Runtime.choose("cpu", "fp32")
MODALITIES = ("DWI", "ADC", "B0")
PLAN = URNPlan(MODALITIES, 2, (1, 8, 8), (4, 6, 8), channels=3, decoder_channels=4, fusion="mean")


class Sums(nn.Module):
    """Synthesises every modality as the sum of those it is given, and remembers what it was asked."""

    plan = PLAN

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[tuple[int, ...], list[bool], bool]] = []

    def synthesise(self, x: Tensor, present: Tensor) -> Tensor:
        self.asked.append((tuple(x.shape), present[0].tolist(), self.training))
        return x.sum(1, keepdim=True).expand_as(x)


def ranged(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(1, 1, -1)


def test_psnr_is_range_over_error_within_the_brain() -> None:
    truth = ranged(0, -1, 1, 3, 0)
    guess = ranged(9, -1, 1, 1, 9)  # outside the brain it does not matter
    # range 3 - (-1) = 4, mean squared error (0 + 0 + 4) / 3: 10 log10(16 / (4 / 3)) = 10 log10(12)
    assert psnr_db(truth, guess) == pytest.approx(10 * math.log10(12))


def test_an_error_of_a_tenth_of_the_range_is_20_db() -> None:
    assert psnr_db(ranged(1, 2, 11), ranged(2, 3, 10)) == pytest.approx(20)


def test_equal_arrays_have_an_infinite_ratio() -> None:
    assert psnr_db(ranged(0, 1, 2), ranged(5, 1, 2)) == math.inf


@pytest.mark.parametrize("truth", [ranged(0, 0, 0), ranged(0, 2, 2)], ids=["no brain", "one value"])
def test_without_a_range_there_is_no_ratio(truth: np.ndarray) -> None:
    assert math.isnan(psnr_db(truth, ranged(1, 2, 3)))
    assert math.isnan(ssim(truth, ranged(1, 2, 3)))


@pytest.fixture
def images() -> tuple[np.ndarray, np.ndarray]:
    """Three slices of 30 × 26 voxels, the brain a box in each, and a noisy synthesis that is not 0 outside of it."""
    rng = np.random.default_rng(0)
    truth = np.zeros((3, 30, 26), np.float32)
    truth[:, 4:26, 3:22] = 5 + rng.normal(size=(3, 22, 19))
    return truth, (truth + 0.4 * rng.normal(size=truth.shape)).astype(np.float32)


def test_ssim_is_the_mean_of_monai_s_map_over_the_brain(images: tuple[np.ndarray, np.ndarray]) -> None:
    from monai.metrics.regression import KernelType, compute_ssim_and_cs

    truth, synthesised = images
    brain = truth != 0
    # MONAI's map has no values within 5 voxels of the border: zeros around both images give them.
    padded = [
        torch.from_numpy(np.pad(np.where(brain, image, 0), ((0, 0), (5, 5), (5, 5))))[:, None]
        for image in images
    ]
    theirs, _ = compute_ssim_and_cs(
        *padded,
        spatial_dims=2,
        data_range=torch.tensor(float(np.ptp(truth[brain]))),
        kernel_type=KernelType.GAUSSIAN,
        kernel_size=(11, 11),
        kernel_sigma=(1.5, 1.5),
        k1=0.01,
        k2=0.03,
    )
    assert ssim(truth, synthesised) == pytest.approx(float(theirs[:, 0].numpy()[brain].mean()), abs=1e-4)


def test_ssim_of_equal_images_is_1_and_falls_with_noise(images: tuple[np.ndarray, np.ndarray]) -> None:
    truth, synthesised = images
    assert ssim(truth, truth) == pytest.approx(1)
    more = truth + 3 * (synthesised - truth)
    assert ssim(truth, more) < ssim(truth, synthesised) < 0.99


def test_what_is_synthesised_outside_of_the_brain_does_not_matter(
    images: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, synthesised = images
    elsewhere = np.where(truth != 0, synthesised, 100).astype(np.float32)
    assert ssim(truth, elsewhere) == ssim(truth, synthesised)


def test_ssim_has_no_scale(images: tuple[np.ndarray, np.ndarray]) -> None:
    truth, synthesised = images
    assert ssim(50 * truth, 50 * synthesised) == pytest.approx(ssim(truth, synthesised), abs=1e-5)


def test_slices_are_compared_each_on_its_own(images: tuple[np.ndarray, np.ndarray]) -> None:
    truth, synthesised = images
    many = [np.concatenate([image] * 7) for image in (truth, synthesised)]  # more than go through at a time
    assert ssim(*many) == pytest.approx(ssim(truth, synthesised))


def test_each_removed_modality_is_compared_with_the_true_one() -> None:
    dwi, adc, b0 = ranged(1, 2, 4), ranged(3, 1, 2), ranged(4, 4, 5)
    present = (True, True, True)
    subsets = subsets_of(present, MODALITIES, ("ADC", "B0"), "droppable")
    rows = synthesis_scores(Sums(), np.stack([dwi, adc, b0]), subsets, CPU)  # type: ignore[arg-type]
    assert [(row.availability.given_text, row.modality) for row in rows] == [
        ("DWI+B0", "ADC"),
        ("DWI+ADC", "B0"),
    ]
    # ADC from 5, 6, 9: range 2, errors 2, 5, 7; B0 from 4, 3, 6: range 1, errors 0, 1, 1
    assert rows[0].psnr_db == pytest.approx(10 * math.log10(4 / ((4 + 25 + 49) / 3)))
    assert rows[1].psnr_db == pytest.approx(10 * math.log10(1 / (2 / 3)))


def test_a_subset_may_lack_several_and_a_subject_need_not_have_all() -> None:
    present = (True, True, False)
    image = np.stack([ranged(1, 2), ranged(3, 1), ranged(0, 0)])
    subsets = subsets_of(present, MODALITIES, MODALITIES, "all")
    network = Sums()
    rows = synthesis_scores(network, image, subsets, CPU)  # type: ignore[arg-type]
    assert [(row.availability.given_text, row.modality) for row in rows] == [("ADC", "DWI"), ("DWI", "ADC")]
    assert [asked[1] for asked in network.asked] == [[False, True, False], [True, False, False]]


def test_all_slices_go_through_a_few_at_a_time_padded_to_what_the_network_takes() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(3, 21, 6, 9)).astype(np.float32)
    present = (True, True, True)
    network = Sums().train()
    subsets = subsets_of(present, MODALITIES, ("B0",), "droppable")
    [row] = synthesis_scores(network, image, subsets, CPU)  # type: ignore[arg-type]
    assert network.asked == [
        ((1, 3, 16, 8, 12), [True, True, False], False),
        ((1, 3, 5, 8, 12), [True, True, False], False),
    ]
    assert network.training
    error = np.mean((image[0] + image[1] - image[2]).astype(np.float64) ** 2)
    assert row.psnr_db == pytest.approx(10 * math.log10(np.ptp(image[2].astype(np.float64)) ** 2 / error))


def test_the_network_s_own_synthesis_is_what_is_judged() -> None:
    torch.manual_seed(0)
    network = URN(PLAN).eval()
    image = np.random.default_rng(0).normal(size=(3, 2, 8, 8)).astype(np.float32)
    present = (True, True, True)
    subsets = subsets_of(present, MODALITIES, ("DWI",), "droppable")
    [row] = synthesis_scores(network, image, subsets, CPU)
    given = torch.from_numpy(image)[None] * torch.tensor([0.0, 1.0, 1.0])[:, None, None, None]
    with torch.no_grad():
        expected = network.synthesise(given, torch.tensor([[0.0, 1.0, 1.0]]))[0, 0].numpy()
    assert (row.availability.given_text, row.modality) == ("ADC+B0", "DWI")
    assert row.psnr_db == pytest.approx(psnr_db(image[0], expected), rel=1e-5)
    assert row.ssim == pytest.approx(ssim(image[0], expected), abs=1e-5)
