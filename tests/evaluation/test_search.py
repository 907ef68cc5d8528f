from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import optuna
import pytest

from search_spaces.space import SearchSpace
from study.config import Objective, Postprocessing, validate
from study.evaluation.kept import KeptCase, keep
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.evaluation.postprocessing import postprocess
from study.evaluation.search import search_postprocessing


def space_of(**postprocessing: dict[str, Any]) -> SearchSpace:
    return SearchSpace.parse(
        {"postprocessing": postprocessing}, validate({"study": {"name": "s"}})
    ).postprocessing


SPACE = space_of(
    threshold={"type": "float", "low": 0.1, "high": 0.9},
    min_volume_ml={"type": "float", "low": 0.0, "high": 0.1},
)


def subject(number: int, *, lesion: float, speck: float = 0.0, noise: float = 0.0) -> list[KeptCase]:
    """A lesion of 12 voxels of 0.01 mL and a false speck of 2, by probability; with and without B0."""
    center = "AB"[number % 2]
    reference = np.zeros((3, 10, 10), bool)
    reference[1, 2:5, 2:6] = True
    probability = np.zeros(reference.shape, np.float32)
    probability[reference] = lesion
    probability[1, 8, 7:9] = speck
    probability += np.random.default_rng(number).random(reference.shape, dtype=np.float32) * noise
    return [
        keep(
            np.clip(probability * factor, 0, 1),
            reference,
            key=f"{center}-{number:04d}",
            center=center,
            subset="DWI",
            removed=removed,
            spacing_mm=(10.0, 1.0, 1.0),
        )
        for removed, factor in (("", np.float32(1)), ("B0", np.float32(0.95)))
    ]


def cohort(n: int, **kwargs: float) -> list[KeptCase]:
    return [case for number in range(n) for case in subject(number, **kwargs)]


def objective_of(kept: list[KeptCase], settings: Postprocessing) -> float:
    """The plain way: post-process, count, average."""
    records = [
        (
            case.center,
            case.key,
            case.removed,
            dice(case.reference, postprocess(case.probability(), settings, case.voxel_volume_ml), "one"),
        )
        for case in kept
    ]
    return objective_score(records, Objective())["objective"]


def test_finds_a_threshold_below_faint_lesions_and_a_volume_above_false_specks():
    kept = cohort(6, lesion=0.3, speck=0.8, noise=0.05)
    fit = search_postprocessing(kept, Postprocessing(), 60, 0, SPACE, Objective())
    assert 0.1 <= fit.best.threshold < 0.3
    assert 0.02 < fit.best.min_volume_ml <= 0.1
    assert fit.best == fit.fitted
    assert fit.default_score == 0
    assert fit.crossfit_score == 1
    assert (fit.gain, fit.gain_low, fit.gain_high) == (1, 1, 1)
    assert not fit.within_noise
    assert (fit.subjects, fit.trials) == (6, 60)
    assert objective_of(kept, fit.best) == 1


def test_scores_are_those_of_the_plain_way():
    kept = cohort(5, lesion=0.5, speck=0.6, noise=0.45)
    fit = search_postprocessing(kept, Postprocessing(threshold=0.6), 20, 0, SPACE, Objective())
    assert fit.default_score == pytest.approx(objective_of(kept, Postprocessing(threshold=0.6)))
    assert objective_of(kept, fit.fitted) > fit.default_score
    assert fit.gain == fit.crossfit_score - fit.default_score
    assert fit.gain_low <= fit.gain <= fit.gain_high


def test_a_gain_that_does_not_carry_over_is_refused():
    # Some have faint lesions, some have false specks: what helps the ones harms the others.
    faint = [case for number in (0, 1) for case in subject(number, lesion=0.3)]
    false = [case for number in (2, 3) for case in subject(number, lesion=0.55, speck=0.45)]
    fits = [
        search_postprocessing(faint + false, Postprocessing(), 40, seed, SPACE, Objective())
        for seed in range(4)
    ]
    refused = [fit for fit in fits if fit.gain <= 0]
    assert refused
    for fit in refused:
        assert fit.best == Postprocessing()
        assert fit.within_noise


def test_pure_noise_gains_nothing_and_says_so():
    rng = np.random.default_rng(0)
    kept = []
    for number in range(8):
        reference = rng.random((2, 6, 6)) < 0.5
        kept.append(
            keep(
                rng.random(reference.shape, dtype=np.float32),
                reference,
                key=f"A-{number}",
                center="A",
                subset="DWI",
                removed="",
                spacing_mm=(10.0, 1.0, 1.0),
            )
        )
    best = Postprocessing(threshold=0.02)  # everything: the best there is for Dice on noise
    fit = search_postprocessing(kept, best, 30, 0, SPACE, Objective())
    assert fit.best == best
    assert fit.gain <= 0


def test_same_seed_same_fit_and_another_seed_other_halves():
    kept = cohort(6, lesion=0.5, speck=0.6, noise=0.45)
    one, same, other = (
        search_postprocessing(kept, Postprocessing(), 15, s, SPACE, Objective()) for s in (3, 3, 4)
    )
    assert one == same
    assert one != other


def test_only_what_the_space_holds_is_changed():
    kept = cohort(4, lesion=0.3)
    fit = search_postprocessing(
        kept,
        Postprocessing(min_volume_ml=0.05),
        15,
        0,
        space_of(threshold={"type": "float", "low": 0.1, "high": 0.9}),
        Objective(),
    )
    assert fit.best.min_volume_ml == 0.05
    assert fit.best.threshold < 0.3


def test_choices_and_steps():
    kept = cohort(4, lesion=0.3, speck=0.9)
    space = space_of(
        threshold={"type": "categorical", "choices": [0.25, 0.9]},
        min_volume_ml={"type": "float", "low": 0.0, "high": 0.1, "step": 0.05},
    )
    fit = search_postprocessing(kept, Postprocessing(), 25, 0, space, Objective())
    assert fit.best.threshold == 0.25
    assert fit.best.min_volume_ml in (pytest.approx(0.05), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("n", "trials", "space"),
    [(4, 0, SPACE), (4, 20, space_of()), (1, 20, SPACE)],
    ids=["no trials", "no space", "one subject"],
)
def test_nothing_searched_keeps_the_default(n, trials, space):
    kept = cohort(n, lesion=0.7, speck=0.9)
    default = Postprocessing(min_volume_ml=0.01)
    fit = search_postprocessing(kept, default, trials, 0, space, Objective())
    assert fit.best == fit.fitted == default
    assert fit.crossfit_score == fit.default_score == pytest.approx(objective_of(kept, default))
    assert fit.gain == 0
    assert fit.within_noise


def test_subjects_of_other_centers_do_not_count():
    kept = cohort(8, lesion=0.3)
    counting = Objective(centers=("A",))
    fit = search_postprocessing(kept, Postprocessing(), 15, 0, SPACE, counting)
    alone = search_postprocessing(
        [case for case in kept if case.center == "A"], Postprocessing(), 15, 0, SPACE, counting
    )
    assert fit == alone
    assert fit.subjects == 4


def test_no_defined_dice_keeps_the_default():
    empty = np.zeros((2, 3, 4), bool)
    kept = [
        keep(
            np.zeros(empty.shape, np.float32),
            empty,
            key=f"A-{number}",
            center="A",
            subset="DWI",
            removed="",
            spacing_mm=(1.0, 1.0, 1.0),
        )
        for number in range(4)
    ]
    fit = search_postprocessing(kept, Postprocessing(), 5, 0, SPACE, Objective(), empty_dice="nan")
    assert fit.best == Postprocessing()
    assert math.isnan(fit.crossfit_score)
    assert fit.within_noise


def test_no_subject_keeps_the_default():
    fit = search_postprocessing([], Postprocessing(), 5, 0, SPACE, Objective(worst_center=1))
    assert fit.best == Postprocessing()
    assert fit.subjects == 0


def test_the_fit_is_json_and_optuna_keeps_its_verbosity():
    before = optuna.logging.get_verbosity()
    fit = search_postprocessing(cohort(2, lesion=0.5), Postprocessing(), 2, 0, SPACE, Objective())
    assert optuna.logging.get_verbosity() == before
    content = json.loads(json.dumps(fit.to_dict()))
    assert content["best"] == fit.best.model_dump()
    assert set(content) >= {
        "crossfit_score",
        "default_score",
        "gain",
        "gain_low",
        "gain_high",
        "within_noise",
    }
