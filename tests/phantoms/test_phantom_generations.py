"""Later generations of a phantom: other people in the same places; the first generation is the cohort as it was."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from study.config import Phantom
from study.phantoms.lesions import drawn_volume_ml
from study.phantoms.roster import phantom_folder, phantom_roster
from study.phantoms.session import Simulation
from study.phantoms.simulate import simulate

COARSE = Phantom.model_validate({"dirt": {"step_mm": 2.5}})
ROSTER = {one.id: one for one in phantom_roster(COARSE)}


def simulated(name: str, generation: int = 0) -> Simulation:
    return simulate(replace(ROSTER[name], generation=generation), COARSE)


@pytest.fixture(scope="module")
def generations() -> list[Simulation]:
    return [simulated("sub-CHSF0002", number) for number in (0, 1, 2)]


def test_the_cohort_is_what_it_was_before_there_were_generations(generations: list[Simulation]) -> None:
    old = generations[0]
    image, mask = old.images["DWI"][0], old.masks["lesion"][0]
    assert image.shape == (52, 66, 29)
    assert image.sum(dtype=np.int64) == pytest.approx(38190369, rel=1e-5)
    assert mask.sum() == pytest.approx(85, abs=1)
    assert old.truth["acquisition"]["te_ms"] == pytest.approx(83.40364155518112)
    assert old.truth["lesion"]["requested_ml"] == pytest.approx(2.3220939646622805)


def drawn(simulation: Simulation) -> list[Any]:
    truth = simulation.truth
    return [
        truth["person"]["scale"],
        truth["lesion"]["requested_ml"],
        truth["acquisition"]["te_ms"],
        truth["tissues"]["white"]["t1_ms"],
        truth["midline_mm"],
    ]


def test_a_generation_is_another_person_stroke_and_scanner_in_the_same_place(
    generations: list[Simulation],
) -> None:
    for one, other in pairwise(generations):
        assert one.images.keys() == other.images.keys()
        assert one.masks.keys() == other.masks.keys()
        assert (one.truth["center"], one.truth["kind"]) == (other.truth["center"], other.truth["kind"])
        same = [first == second for first, second in zip(drawn(one), drawn(other), strict=True)]
        assert same == [False] * 5


def test_a_generation_is_the_same_whenever_it_is_simulated(generations: list[Simulation]) -> None:
    again = simulated("sub-CHSF0002", 1)
    assert again.images
    for name, (image, affine) in again.images.items():
        np.testing.assert_array_equal(image, generations[1].images[name][0])
        np.testing.assert_array_equal(affine, generations[1].images[name][1])


def test_a_second_look_shows_the_patient_of_its_own_generation() -> None:
    second_look = ROSTER["sub-MATAR0009"]
    first_look = f"sub-MATAR{second_look.anatomy:04d}"
    people = [[simulated(name, g).truth["person"] for g in (0, 1)] for name in (first_look, second_look.id)]
    assert people[0] == people[1]
    assert people[0][0] != people[0][1]


def test_what_only_a_training_reads_changes_no_phantom() -> None:
    streamed = COARSE.model_copy(update={"stream": True, "stream_every": 3, "stream_processes": 1})
    assert phantom_folder(streamed, Path()) == phantom_folder(COARSE, Path())


def test_drawn_volumes_lie_within_their_rank_and_keep_the_mean() -> None:
    rng = np.random.default_rng(0)
    ranks, mean = 5, 20.0
    volumes = np.array(
        [[drawn_volume_ml(mean, rank, ranks, rng) for _ in range(4000)] for rank in range(ranks)]
    )
    assert volumes.mean() == pytest.approx(mean, rel=0.03)
    assert (volumes.max(axis=1)[:-1] <= volumes.min(axis=1)[1:]).all()
    shares = stats.lognorm(1.25).cdf(volumes / volumes.min() * stats.lognorm(1.25).ppf(0.005))
    assert shares.min() == pytest.approx(0.005, rel=0.05)
    np.testing.assert_allclose(shares.mean(axis=1), (np.arange(ranks) + 0.5) / ranks, atol=0.01)
