from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.urn.network import URN
from models.urn.plan import URNPlan
from study.cohort.availability import subsets_of
from study.evaluation.synthesis import psnr_db, synthesis_psnr
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


def test_each_removed_modality_is_compared_with_the_true_one() -> None:
    dwi, adc, b0 = ranged(1, 2, 4), ranged(3, 1, 2), ranged(4, 4, 5)
    present = (True, True, True)
    subsets = subsets_of(present, MODALITIES, ("ADC", "B0"), "droppable")
    rows = synthesis_psnr(Sums(), np.stack([dwi, adc, b0]), subsets, CPU)  # type: ignore[arg-type]
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
    rows = synthesis_psnr(network, image, subsets, CPU)  # type: ignore[arg-type]
    assert [(row.availability.given_text, row.modality) for row in rows] == [("ADC", "DWI"), ("DWI", "ADC")]
    assert [asked[1] for asked in network.asked] == [[False, True, False], [True, False, False]]


def test_all_slices_go_through_a_few_at_a_time_padded_to_what_the_network_takes() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(3, 21, 6, 9)).astype(np.float32)
    present = (True, True, True)
    network = Sums().train()
    subsets = subsets_of(present, MODALITIES, ("B0",), "droppable")
    [row] = synthesis_psnr(network, image, subsets, CPU)  # type: ignore[arg-type]
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
    [row] = synthesis_psnr(network, image, subsets, CPU)
    given = torch.from_numpy(image)[None] * torch.tensor([0.0, 1.0, 1.0])[:, None, None, None]
    with torch.no_grad():
        expected = network.synthesise(given, torch.tensor([[0.0, 1.0, 1.0]]))[0, 0].numpy()
    assert (row.availability.given_text, row.modality) == ("ADC+B0", "DWI")
    assert row.psnr_db == pytest.approx(psnr_db(image[0], expected), rel=1e-5)
