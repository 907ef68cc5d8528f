from __future__ import annotations

import math

import numpy as np
import pytest
from search_cases import BOTH, FLOATS, GRID, cohort, config_of, objective_of, search

from study.config import Postprocessing
from study.evaluation.chains import Chains
from study.evaluation.kept import keep


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_finds_a_threshold_below_faint_lesions_and_a_volume_above_false_specks(sampler):
    kept = cohort(6, lesion=0.3, speck=0.8, noise=0.05)
    config = config_of(FLOATS, trials=100, postprocessing_sampler=sampler)
    fit = search(kept, config)
    assert 0.1 <= fit.best.full.threshold < 0.3
    assert 0.02 < fit.best.full.remove_small.ml <= 0.1
    assert fit.best == fit.fitted
    assert fit.best.missing is None
    assert fit.default_score == 0
    assert fit.crossfit_score == 1
    assert (fit.gain, fit.gain_low, fit.gain_high) == (1, 1, 1)
    assert not fit.within_noise
    assert (fit.subjects, fit.trials, fit.exhaustive) == (6, 100, False)
    assert objective_of(kept, fit.best.full, config) == 1


def test_the_two_samplers_propose_different_settings():
    kept = cohort(6, lesion=0.5, speck=0.6, noise=0.45)
    one, other = (
        search(kept, config_of(FLOATS, trials=60, postprocessing_sampler=sampler)).fitted
        for sampler in ("tpe", "nsga2")
    )
    assert one != other


def test_scores_are_those_of_the_plain_way():
    kept = cohort(5, lesion=0.5, speck=0.6, noise=0.45)
    config = config_of(FLOATS, trials=25, default={"threshold": 0.6})
    fit = search(kept, config)
    assert fit.default == Chains(full=config.postprocessing)
    assert fit.default_score == pytest.approx(objective_of(kept, config.postprocessing, config))
    assert objective_of(kept, fit.fitted.full, config) > fit.default_score
    assert fit.gain == fit.crossfit_score - fit.default_score
    assert fit.gain_low <= fit.gain <= fit.gain_high


def test_a_small_grid_is_tried_whole():
    kept = cohort(5, lesion=0.45, speck=0.5, noise=0.4)
    config = config_of(GRID, trials=27)
    fit = search(kept, config)
    assert (fit.trials, fit.exhaustive) == (27, True)
    everything = {
        (threshold, voxels): objective_of(
            kept, Postprocessing(threshold=threshold / 10, remove_small={"voxels": voxels}), config
        )
        for threshold in range(1, 10)
        for voxels in (0, 3, 6)
    }
    found = fit.fitted.full
    assert objective_of(kept, found, config) == pytest.approx(max(everything.values()))
    assert everything[round(found.threshold * 10), found.remove_small.voxels] == max(everything.values())


def test_a_larger_grid_is_sampled():
    fit = search(cohort(4, lesion=0.3), config_of(GRID, trials=26))
    assert (fit.trials, fit.exhaustive) == (26, False)


def test_same_seed_same_fit_and_another_seed_other_halves():
    kept = cohort(6, lesion=0.5, speck=0.6, noise=0.45)
    one, same, other = (search(kept, config_of(FLOATS, trials=15, seed=s)) for s in (3, 3, 4))
    assert one == same
    assert one.crossfit_score != other.crossfit_score


def test_only_what_the_space_holds_is_changed():
    space = {"threshold": FLOATS["threshold"]}
    fit = search(cohort(4, lesion=0.3), config_of(space, default={"remove_small": {"ml": 0.05}}))
    assert fit.best.full.remove_small.ml == 0.05
    assert fit.best.full.threshold < 0.3


def test_the_steps_themselves_can_be_searched():
    # The lesion has a bright core and a faint rim. Beside it: a bright speck, and something large that is faint.
    reference = np.zeros((3, 12, 12), bool)
    reference[1, 2:7, 2:7] = True
    probability = np.where(reference, 0.3, 0.0).astype(np.float32)
    probability[1, 3:6, 3:6] = 0.9
    probability[1, 9, 9] = 0.9
    probability[1, 9:, 2:7] = 0.3
    kept = [
        keep(
            probability,
            reference,
            key=f"A-{number}",
            center="A",
            availability=BOTH,
            spacing_mm=(1.0, 1.0, 1.0),
        )
        for number in range(4)
    ]
    orders = [["threshold"], ["threshold", "keep_biggest"], ["threshold", "keep_biggest", "grow"]]
    space = {
        "steps": {"type": "categorical", "choices": orders},
        "threshold": {"type": "categorical", "choices": [0.2, 0.5]},
        "grow": {"threshold": {"type": "categorical", "choices": [0.25, 0.4]}},
    }
    fit = search(kept, config_of(space, trials=50))
    assert fit.exhaustive
    assert fit.trials == 4 + 4 + 3  # growing above the threshold is growing from it: once instead of twice
    assert fit.best.full.steps == ("threshold", "keep_biggest", "grow")
    assert (fit.best.full.threshold, fit.best.full.grow.threshold) == (0.5, 0.25)
    assert fit.crossfit_score == 1


@pytest.mark.parametrize(
    ("n", "trials", "space"),
    [(4, 0, FLOATS), (4, 20, {}), (4, 20, {"threshold": 0.5}), (1, 20, FLOATS)],
    ids=["no trials", "no space", "all is fixed", "one subject"],
)
def test_nothing_searched_keeps_the_default(n, trials, space):
    kept = cohort(n, lesion=0.7, speck=0.9)
    config = config_of(space, trials=trials, default={"remove_small": {"ml": 0.01}})
    fit = search(kept, config)
    assert fit.best == fit.fitted == Chains(full=config.postprocessing)
    assert (
        fit.crossfit_score
        == fit.default_score
        == pytest.approx(objective_of(kept, config.postprocessing, config))
    )
    assert fit.gain == 0
    assert fit.within_noise
    assert fit.trials == 0
    assert fit.curves == ()


def test_subjects_of_other_centers_do_not_count():
    kept = cohort(8, lesion=0.3)
    config = config_of(FLOATS, trials=15, objective={"centers": ("A",)})
    fit = search(kept, config)
    assert fit == search([case for case in kept if case.center == "A"], config)
    assert fit.subjects == 4


def test_no_defined_dice_keeps_the_default():
    empty = np.zeros((2, 3, 4), bool)
    kept = [
        keep(
            np.zeros(empty.shape, np.float32),
            empty,
            key=f"A-{number}",
            center="A",
            availability=BOTH,
            spacing_mm=(1.0, 1.0, 1.0),
        )
        for number in range(4)
    ]
    fit = search(kept, config_of(FLOATS, trials=5, empty_dice="nan"))
    assert fit.best == Chains(full=Postprocessing())
    assert math.isnan(fit.crossfit_score)
    assert fit.within_noise
    assert {curve.path: curve.points for curve in fit.curves} == {
        "postprocessing.threshold": (), "postprocessing.remove_small.ml": ()
    }  # fmt: skip


def test_no_subject_keeps_the_default():
    fit = search([], config_of(FLOATS, trials=5, objective={"worst_center": 1}))
    assert fit.best == Chains(full=Postprocessing())
    assert fit.subjects == 0
