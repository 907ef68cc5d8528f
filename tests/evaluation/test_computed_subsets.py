"""Evaluation of availability subsets where images are computed: what is seen, what rows say, and that nothing leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from study.cohort.records import SubjectFacts
from study.config import Evaluation
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.imaging.computed import Computed
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.machine.runtime import Runtime

SIZE = (2, 4, 4)
CPU = Runtime.choose("cpu", "fp32")
MODALITIES = ("DWI", "ADC", "B0")


class Listening(nn.Module):
    """Logits of a convolution; records what it is given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv3d(3, 2, 3, padding=1)
        self.asked: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        self.asked += [(one.clone(), flags.clone()) for one, flags in zip(x, present, strict=True)]
        logits: Tensor = self.first(x)
        return logits


def subject(*, b0: bool = True) -> Prepared:
    rng, grid = np.random.default_rng(0), Grid(SIZE, np.eye(4))
    image = rng.normal(size=(3, *SIZE)).astype(np.float32)
    channels: tuple[int, ...] = (0, 1, 2)
    if not b0:
        image[2], channels = 0, (2,)
    sources = tuple(((1, 2), (0, 2), (0, 1))[channel] for channel in channels)
    made = Computed(rng.normal(size=(len(channels), *SIZE)).astype(np.float32), channels, sources)
    target = np.zeros(SIZE, np.uint8)
    target[0, 1] = 1
    facts = SubjectFacts("CHSF-0001", "CHSF")
    voxels = np.argwhere(target).astype(np.int16)
    return Prepared(facts, image, (True, True, b0), target, voxels, grid, grid, target, computed=made)


def judge(subsets: str = "droppable") -> Judge:
    return Judge(MODALITIES, ("B0",), Evaluation.model_validate({"subsets": subsets}), SIZE, CPU)


def test_the_network_is_given_the_computed_image_and_rows_say_so() -> None:
    network, one = Listening(), subject()
    predicted = list(judge().predictions(network, [one]))
    assert [each.availability.given_text for each in predicted] == ["DWI+ADC+B0", "DWI+ADC"]
    x, flags = network.asked[-1]
    assert one.computed is not None
    assert torch.equal(x[2], torch.from_numpy(one.computed.image[2]))
    assert flags.tolist() == [1, 1, 1]
    rows = [judge().row(0, "test", True, *each[:2], each.probability, Chains(full={})) for each in predicted]
    assert [(row.subset, row.removed, row.computed) for row in rows] == [
        ("DWI+ADC+B0", "", ""),
        ("DWI+ADC", "B0", "B0"),
    ]


def test_a_subject_that_lacks_it_is_predicted_with_the_computed_image() -> None:
    network, one = Listening(), subject(b0=False)
    [predicted] = judge().predictions(network, [one])
    assert network.asked[-1][1].tolist() == [1, 1, 1]
    row = judge().row(0, "test", True, *predicted[:2], predicted.probability, Chains(full={}))
    assert (row.subset, row.removed, row.computed) == ("DWI+ADC", "", "B0")


def test_the_order_of_subsets_is_kept_and_single_modalities_are_given_alone() -> None:
    one = subject()
    with_computed = [each.availability.given_text for each in judge("all").predictions(Listening(), [one])]
    without = [
        each.availability.given_text
        for each in judge("all").predictions(Listening(), [replace(one, computed=None)])
    ]
    assert with_computed == without
    assert len(without) == 7
    network = Listening()
    list(judge("all").predictions(network, [one]))
    assert {tuple(flags.tolist()) for _, flags in network.asked} == {
        (1, 1, 1),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
    }


def test_voxels_of_what_is_removed_do_not_leak() -> None:
    one = subject()
    other = replace(
        one, image=one.image.copy(), computed=replace(one.computed, image=one.computed.image.copy())
    )
    other.image[2] = 9 * other.image[2] + 3
    other.computed.image[:2] += 5  # what is computed from B0
    network = Listening()
    views = [list(judge().predictions(network, [each])) for each in (one, other)]
    assert not np.array_equal(views[0][0].probability, views[1][0].probability)
    assert np.array_equal(views[0][1].probability, views[1][1].probability)
