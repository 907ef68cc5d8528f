"""Evaluation of availability subsets of subjects with computed channels: what is given, and that nothing leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from study.cohort.records import SubjectFacts
from study.config import Evaluation
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.imaging.channels.images import ChannelImages
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.machine.runtime import Runtime

SIZE = (2, 4, 4)
CPU = Runtime.choose("cpu", "fp32")
MODALITIES = ("DWI", "ADC", "B0")
SOURCES = ((0,), (0, 2), (1,))  # of local_contrast, and of both ways to exponential_adc


class Listening(nn.Module):
    """Logits of a convolution; records what it is given, and how many calls it takes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv3d(5, 2, 3, padding=1)
        self.asked: list[tuple[Tensor, tuple[float, ...]]] = []
        self.calls = 0

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        self.asked += [(one.clone(), tuple(flags.tolist())) for one, flags in zip(x, present, strict=True)]
        self.calls += 1
        logits: Tensor = self.first(x)
        return logits


def subject() -> Prepared:
    rng, grid = np.random.default_rng(0), Grid(SIZE, np.eye(4))
    image, made = (rng.normal(size=(3, *SIZE)).astype(np.float32) for _ in range(2))
    target = np.zeros(SIZE, np.uint8)
    target[0, 1] = 1
    channels = ChannelImages(("local_contrast", "exponential_adc"), made, (0, 1, 1), SOURCES)
    facts, voxels = SubjectFacts("CHSF-0001", "CHSF"), np.argwhere(target).astype(np.int16)
    return Prepared(facts, image, (True, True, True), target, voxels, grid, grid, target, channels=channels)


def judge(droppable: tuple[str, ...] = ("B0",), subsets: str = "droppable") -> Judge:
    return Judge(MODALITIES, droppable, Evaluation.model_validate({"subsets": subsets}), SIZE, CPU)


def test_tables_know_modalities_alone() -> None:
    one = subject()
    predicted = list(judge().predictions(Listening(), [one]))
    rows = [judge().row(0, "test", True, *each[:2], each.probability, Chains(full={})) for each in predicted]
    assert [(row.subset, row.removed, row.computed) for row in rows] == [
        ("DWI+ADC+B0", "", ""),
        ("DWI+ADC", "B0", ""),
    ]


def test_a_subset_is_given_the_channels_that_it_suffices_for() -> None:
    network, one = Listening(), subject()
    list(judge(subsets="all").predictions(network, [one]))
    found = {flags[:3]: flags[3:] for _, flags in network.asked}
    assert found == {
        (1, 1, 1): (1, 1),
        (1, 1, 0): (1, 1),
        (1, 0, 1): (1, 1),
        (0, 1, 1): (0, 1),
        (1, 0, 0): (1, 0),
        (0, 1, 0): (0, 1),
        (0, 0, 1): (0, 0),
    }
    assert one.channels is not None
    for x, flags in network.asked:
        assert not x[[flag == 0 for flag in flags]].any()
        if flags[4]:
            way = 1 if flags[0] and flags[2] else 2
            assert torch.equal(x[4], torch.from_numpy(one.channels.image[way]))


def test_subsets_that_see_the_same_images_pass_together() -> None:
    network, one = Listening(), subject()
    list(judge(("ADC",)).predictions(network, [one]))  # DWI / B0 in both
    assert network.calls == 1
    network = Listening()
    list(judge(("B0",)).predictions(network, [one]))  # and exp(-b ADC) in the second
    assert network.calls == 2


@pytest.mark.parametrize("removed", MODALITIES)
def test_voxels_that_are_computed_from_what_is_removed_change_no_logit(removed: str) -> None:
    one, place = subject(), MODALITIES.index(removed)
    assert one.channels is not None
    images = one.channels.image.copy()
    for row, sources in enumerate(SOURCES):
        if place in sources:
            images[row] = 5 * images[row] + 3
    other = replace(one, image=one.image.copy(), channels=replace(one.channels, image=images))
    other.image[place] = 9 * other.image[place] + 3
    network = Listening()
    views = [list(judge((removed,)).predictions(network, [each])) for each in (one, other)]
    assert not np.array_equal(views[0][0].probability, views[1][0].probability)
    assert views[0][1].availability.removed == (removed,)
    assert np.array_equal(views[0][1].probability, views[1][1].probability)
