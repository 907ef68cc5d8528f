"""The choice of an ensemble on kept validation probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from search_cases import BOTH, WITHOUT_B0, config_of

from search_spaces.space import SearchSpace
from study.config import Objective
from study.evaluation.combining import Candidates, averaged_case, select_members
from study.evaluation.kept import KeptCase, keep
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.evaluation.search import first_half, search_postprocessing
from study.evaluation.settings_space import SettingsSpace

SHAPE = (3, 8, 8)
SUBJECTS = 6


def kept_of(seed: int, noise: float, empty: Sequence[int] = ()) -> list[KeptCase]:
    """A trial's kept maps: six subjects at two centers with both subsets, all trials with the same references."""
    rng, cases = np.random.default_rng(seed), []
    for number in range(SUBJECTS):
        reference = np.zeros(SHAPE, bool)
        if number not in empty:
            reference[1, 2:5, 2 + number % 3 : 6] = True
        for given in (BOTH, WITHOUT_B0):
            probability = 0.55 * reference + 0.2 + noise * rng.normal(size=SHAPE)
            probability[rng.random(SHAPE) < 0.3] = 0  # boxes of their own
            cases.append(
                keep(
                    np.clip(probability, 0, 1).astype(np.float32),
                    reference,
                    key=f"{'AB'[number % 2]}-{number}",
                    center="AB"[number % 2],
                    availability=given,
                    spacing_mm=(10.0, 1.0, 1.0),
                )
            )
    return cases


def plain_objective(
    trials: Sequence[list[KeptCase]], objective: Objective, threshold: float, among: set[str]
) -> float:
    """Average whole maps in thousandths, threshold, count."""
    records = []
    for cases in zip(*trials, strict=True):
        if cases[0].key in among:
            total = sum(np.rint(case.probability().astype(np.float64) * 1000) for case in cases)
            mask = total >= round(threshold * 1000) * len(cases)
            records.append(
                (
                    cases[0].center,
                    cases[0].key,
                    bool(cases[0].availability.removed),
                    dice(cases[0].reference, mask, "one"),
                )
            )
    return objective_score(records, objective).objective


@pytest.mark.parametrize("empty", [(), (2, 3)])
@pytest.mark.parametrize("half", [False, True])
def test_each_step_adds_the_trial_that_makes_the_mean_best(empty, half):
    trials = [kept_of(seed, 0.25 + 0.02 * seed, empty) for seed in range(4)]
    objective = Objective(full=1, missing=2, worst_center=1)
    candidates = Candidates(zip(*trials, strict=True), objective, 0.5, "one")
    first = first_half(candidates.panel.centers, 0) if half else np.ones(SUBJECTS, bool)
    among = {key for (_, key), counts in zip(candidates.panel.subjects, first, strict=True) if counts}
    chosen: list[int] = []
    path: list[tuple[float, list[int]]] = []
    for _ in range(5):
        scores = [
            plain_objective([trials[place] for place in (*chosen, new)], objective, 0.5, among)
            for new in range(4)
        ]
        chosen = [*chosen, int(np.argmax(scores))]
        path.append((max(scores), chosen))
    best = max(path, key=lambda step: (step[0], -len(step[1])))[1]
    members = select_members(candidates, 5, first.astype(np.float64))
    assert members == {place: best.count(place) for place in dict.fromkeys(best)}


def test_means_of_noisy_trials_are_better_and_more_draws_never_worse():
    trials = [kept_of(seed, 0.3) for seed in range(6)]
    candidates = Candidates(zip(*trials, strict=True), Objective(), 0.5, "one")
    everyone, among = np.ones(SUBJECTS), {case.key for case in trials[0]}
    values = []
    for draws in (1, 3, 6):
        members = select_members(candidates, draws, everyone)
        drawn = [trials[place] for place, count in members.items() for _ in range(count)]
        values.append(plain_objective(drawn, Objective(), 0.5, among))
    assert values == sorted(values)
    assert values[-1] > values[0] + 0.02


def perfect(cases: Sequence[KeptCase]) -> list[KeptCase]:
    """The reference itself, with a probability of 0.9."""
    return [
        keep(
            0.9 * case.reference.astype(np.float32),
            case.reference,
            key=case.key,
            center=case.center,
            availability=case.availability,
            spacing_mm=case.spacing_mm,
        )
        for case in cases
    ]


def test_a_trial_that_is_perfect_stays_alone():
    trials = kept_of(1, 0.3), perfect(kept_of(0, 0.3))
    candidates = Candidates(zip(*trials, strict=True), Objective(), 0.5, "one")
    assert select_members(candidates, 4, np.ones(SUBJECTS)) == {1: 1}


def test_the_mean_is_that_of_thousandths_rounded_down_on_the_grid_of_all():
    one, other = kept_of(0, 0.3)[0], kept_of(1, 0.3)[0]
    mean = averaged_case([one, other], [2, 1])
    thousandths = [np.rint(case.probability().astype(np.float64) * 1000) for case in (one, other)]
    expected = np.floor((2 * thousandths[0] + thousandths[1]) / 3) / 1000
    np.testing.assert_allclose(mean.probability(), expected, atol=1e-6)
    assert mean.reference is one.reference


def test_what_one_half_has_chosen_is_scored_on_the_other():
    """Maps that are perfect on the half they were chosen on and empty on the other one are worth nothing."""
    config = config_of({"threshold": {"type": "float", "low": 0.3, "high": 0.7, "step": 0.1}}, trials=10)
    whole = perfect(kept_of(0, 0.1))
    panel = Candidates(zip(whole, strict=True), config.objective, 0.5, "one").panel
    first = {
        key
        for (_, key), is_first in zip(panel.subjects, first_half(panel.centers, 0), strict=True)
        if is_first
    }
    nothing = [replace(case, levels=np.zeros_like(case.levels)) for case in whole]
    by_half = tuple(
        [full if (full.key in first) is on_first else none for full, none in zip(whole, nothing, strict=True)]
        for on_first in (True, False)
    )
    space = SettingsSpace(
        SearchSpace.parse(config.search_space, config).postprocessing, config.postprocessing
    )
    fit = search_postprocessing(
        whole, space, config.objective, config.evaluation, config.study.seed, by_half=by_half
    )
    assert fit.fitted_score == 1.0
    assert fit.value == fit.crossfit_score == fit.default_score == 0.0
    assert {score.full for score in fit.scores} == {0.0}
    honest = search_postprocessing(whole, space, config.objective, config.evaluation, config.study.seed)
    assert honest.value == 1.0
