from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import optuna
import pytest

from study.config import Config, Postprocessing, validate
from study.evaluation.chains import Chains
from study.evaluation.kept import KeptCase, keep
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.evaluation.postprocessing import Subject, postprocess
from study.evaluation.search import search_postprocessing

FLOATS = {
    "threshold": {"type": "float", "low": 0.1, "high": 0.9},
    "remove_small": {"ml": {"type": "float", "low": 0.0, "high": 0.1}},
}
GRID = {
    "threshold": {"type": "float", "low": 0.1, "high": 0.9, "step": 0.1},
    "remove_small": {"voxels": {"type": "int", "low": 0, "high": 6, "step": 3}},
}


def config_of(
    space: dict[str, Any],
    *,
    trials: int = 30,
    seed: int = 0,
    default: dict[str, Any] | None = None,
    objective: dict[str, Any] | None = None,
    **evaluation: Any,
) -> Config:
    return validate(
        {
            "study": {"name": "s", "seed": seed},
            "cohort": {"modalities": ("DWI", "B0")},
            "objective": objective or {},
            "postprocessing": default or {},
            "evaluation": {"postprocessing_trials": trials, **evaluation},
            "search_space": {"postprocessing": space},
        }
    )


def subject(
    number: int,
    *,
    lesion: float,
    speck: float = 0.0,
    noise: float = 0.0,
    without_b0: float = 0.95,
    center: str = "",
) -> list[KeptCase]:
    """A lesion of 12 voxels of 0.01 mL and a false speck of 2, by probability; with and without B0."""
    center = center or "AB"[number % 2]
    reference = np.zeros((3, 10, 10), bool)
    reference[1, 2:5, 2:6] = True
    probability = np.zeros(reference.shape, np.float32)
    probability[reference] = lesion
    probability[1, 8, 7:9] = speck
    probability += np.random.default_rng(number).random(reference.shape, dtype=np.float32) * noise
    return [
        keep(
            np.clip(probability * np.float32(factor), 0, 1),
            reference,
            key=f"{center}-{number:04d}",
            center=center,
            subset=subset,
            removed=removed,
            spacing_mm=(10.0, 1.0, 1.0),
        )
        for subset, removed, factor in (("DWI+B0", "", 1.0), ("DWI", "B0", without_b0))
    ]


def cohort(n: int, **kwargs: float) -> list[KeptCase]:
    return [case for number in range(n) for case in subject(number, **kwargs)]


def objective_of(kept: list[KeptCase], settings: Postprocessing, config: Config) -> float:
    """The plain way: post-process, count, average."""
    records = [
        (
            case.center,
            case.key,
            case.removed,
            dice(
                case.reference,
                postprocess(case.probability(), settings, Subject(case.spacing_mm, case.lesion)),
                config.evaluation.empty_dice,
            ),
        )
        for case in kept
    ]
    return objective_score(records, config.objective)["objective"]


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_finds_a_threshold_below_faint_lesions_and_a_volume_above_false_specks(sampler):
    kept = cohort(6, lesion=0.3, speck=0.8, noise=0.05)
    config = config_of(FLOATS, trials=100, postprocessing_sampler=sampler)
    fit = search_postprocessing(kept, config)
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
        search_postprocessing(kept, config_of(FLOATS, trials=60, postprocessing_sampler=sampler)).fitted
        for sampler in ("tpe", "nsga2")
    )
    assert one != other


def test_scores_are_those_of_the_plain_way():
    kept = cohort(5, lesion=0.5, speck=0.6, noise=0.45)
    config = config_of(FLOATS, trials=25, default={"threshold": 0.6})
    fit = search_postprocessing(kept, config)
    assert fit.default == Chains(full=config.postprocessing)
    assert fit.default_score == pytest.approx(objective_of(kept, config.postprocessing, config))
    assert objective_of(kept, fit.fitted.full, config) > fit.default_score
    assert fit.gain == fit.crossfit_score - fit.default_score
    assert fit.gain_low <= fit.gain <= fit.gain_high


def test_a_small_grid_is_tried_whole():
    kept = cohort(5, lesion=0.45, speck=0.5, noise=0.4)
    config = config_of(GRID, trials=27)
    fit = search_postprocessing(kept, config)
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
    fit = search_postprocessing(cohort(4, lesion=0.3), config_of(GRID, trials=26))
    assert (fit.trials, fit.exhaustive) == (26, False)


def test_the_halves_do_not_see_each_other():
    # All that the setting of a half can know is the other half: what is false in it alone is not removed.
    kept = [
        *subject(0, lesion=0.9, center="A"),
        *subject(1, lesion=0.9, speck=0.8, center="A"),
    ]
    fit = search_postprocessing(kept, config_of(GRID, trials=27))
    assert objective_of(kept, fit.fitted.full, config_of(GRID)) == 1
    assert fit.crossfit_score == fit.default_score == pytest.approx((1 + 2 * 12 / (12 + 14)) / 2)
    assert fit.best == fit.default


def test_a_gain_that_does_not_carry_over_is_refused():
    # Some have faint lesions, some have false specks: what helps the ones harms the others.
    faint = [case for number in (0, 1) for case in subject(number, lesion=0.3)]
    false = [case for number in (2, 3) for case in subject(number, lesion=0.55, speck=0.45)]
    fits = [
        search_postprocessing(faint + false, config_of(FLOATS, trials=40, seed=seed)) for seed in range(4)
    ]
    refused = [fit for fit in fits if fit.gain <= 0]
    assert refused
    for fit in refused:
        assert fit.best == Chains(full=Postprocessing())
        assert fit.within_noise


def noise(n: int) -> list[KeptCase]:
    """Reference and probability have nothing to do with each other."""
    rng = np.random.default_rng(0)
    references = rng.random((n, 2, 6, 6)) < 0.5
    return [
        keep(
            rng.random(reference.shape, dtype=np.float32),
            reference,
            key=f"A-{number}",
            center="A",
            subset="DWI+B0",
            removed="",
            spacing_mm=(10.0, 1.0, 1.0),
        )
        for number, reference in enumerate(references)
    ]


def test_pure_noise_gains_nothing_and_says_so():
    default = {"threshold": 0.02}  # everything: the best there is for Dice on noise
    fit = search_postprocessing(noise(8), config_of(FLOATS, default=default))
    assert fit.best.full == Postprocessing(threshold=0.02)
    assert fit.gain <= 0


@pytest.mark.parametrize("centers", ["AAAAAAAA", "ABCDEFGH"], ids=["one center", "each alone in its center"])
def test_a_gain_that_one_subject_contradicts_is_said_to_be_within_noise(centers):
    # A lower threshold completes the lesion of seven, 20 / 22 to 1, and adds 8 false voxels to one, 1 to 24 / 32.
    kept = []
    for number, center in enumerate(centers):
        reference = np.zeros((1, 6, 10), bool)
        reference[0, 0, :] = reference[0, 1, :2] = True
        probability = np.where(reference, 0.9, 0.0).astype(np.float32)
        if number < 7:
            probability[0, 1, :2] = 0.4
        else:
            probability[0, 4, :8] = 0.4
        kept.append(
            keep(
                probability,
                reference,
                key=f"{center}-{number}",
                center=center,
                subset="DWI+B0",
                removed="",
                spacing_mm=(1.0, 1.0, 1.0),
            )
        )
    space = {"threshold": {"type": "categorical", "choices": [0.3, 0.5]}}
    fit = search_postprocessing(kept, config_of(space))
    assert fit.best.full.threshold == 0.3
    assert fit.gain == pytest.approx((7 * (1 - 20 / 22) - 1 / 4) / 8)
    assert fit.gain_low < 0 < fit.gain < fit.gain_high
    assert fit.within_noise


def test_same_seed_same_fit_and_another_seed_other_halves():
    kept = cohort(6, lesion=0.5, speck=0.6, noise=0.45)
    one, same, other = (search_postprocessing(kept, config_of(FLOATS, trials=15, seed=s)) for s in (3, 3, 4))
    assert one == same
    assert one.crossfit_score != other.crossfit_score


def test_only_what_the_space_holds_is_changed():
    space = {"threshold": FLOATS["threshold"]}
    fit = search_postprocessing(
        cohort(4, lesion=0.3), config_of(space, default={"remove_small": {"ml": 0.05}})
    )
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
            subset="DWI+B0",
            removed="",
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
    fit = search_postprocessing(kept, config_of(space, trials=50))
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
    fit = search_postprocessing(kept, config)
    assert fit.best == fit.fitted == Chains(full=config.postprocessing)
    assert (
        fit.crossfit_score
        == fit.default_score
        == pytest.approx(objective_of(kept, config.postprocessing, config))
    )
    assert fit.gain == 0
    assert fit.within_noise
    assert fit.trials == 0
    assert fit.curves == {}


def test_subjects_of_other_centers_do_not_count():
    kept = cohort(8, lesion=0.3)
    config = config_of(FLOATS, trials=15, objective={"centers": ("A",)})
    fit = search_postprocessing(kept, config)
    assert fit == search_postprocessing([case for case in kept if case.center == "A"], config)
    assert fit.subjects == 4


def test_no_defined_dice_keeps_the_default():
    empty = np.zeros((2, 3, 4), bool)
    kept = [
        keep(
            np.zeros(empty.shape, np.float32),
            empty,
            key=f"A-{number}",
            center="A",
            subset="DWI+B0",
            removed="",
            spacing_mm=(1.0, 1.0, 1.0),
        )
        for number in range(4)
    ]
    fit = search_postprocessing(kept, config_of(FLOATS, trials=5, empty_dice="nan"))
    assert fit.best == Chains(full=Postprocessing())
    assert math.isnan(fit.crossfit_score)
    assert fit.within_noise
    assert set(fit.curves) == {"postprocessing.threshold", "postprocessing.remove_small.ml"}
    assert all(curve == [] for curve in fit.curves.values())


def test_no_subject_keeps_the_default():
    fit = search_postprocessing([], config_of(FLOATS, trials=5, objective={"worst_center": 1}))
    assert fit.best == Chains(full=Postprocessing())
    assert fit.subjects == 0


def test_thresholds_of_their_own_for_subjects_that_lack_a_modality():
    # Without B0 the lesion is fainter than a speck is with it: no threshold is right for both.
    kept = cohort(6, lesion=0.8, speck=0.5, without_b0=0.5)
    together = search_postprocessing(kept, config_of(GRID | {"remove_small": {}}, trials=9))
    assert together.best.missing is None
    apart = search_postprocessing(
        kept, config_of(GRID | {"remove_small": {}}, trials=9, postprocessing_per_subset=True)
    )
    assert together.crossfit_score < apart.crossfit_score == 1
    assert 0.5 < apart.best.full.threshold <= 0.8
    assert apart.best.missing is not None
    assert 0.25 < apart.best.missing.threshold <= 0.4
    assert set(apart.curves) == {"full.postprocessing.threshold", "missing.postprocessing.threshold"}
    assert apart.trials == 9


@pytest.mark.parametrize("there", ["", "B0"])
def test_where_all_subjects_lack_a_modality_or_none_one_chain_is_fitted(there):
    kept = [case for case in cohort(4, lesion=0.3) if case.removed == there]
    fit = search_postprocessing(kept, config_of(FLOATS, trials=20, postprocessing_per_subset=True))
    assert fit.best.full.threshold < 0.3
    assert fit.best.missing is None


def test_a_subject_that_never_had_the_modality_is_one_that_lacks_it():
    kept = cohort(4, lesion=0.8, speck=0.5, without_b0=0.5)
    never = [
        keep(
            case.probability(),
            case.reference,
            key=f"C-{number}",
            center="C",
            subset="DWI",
            removed="",
            spacing_mm=case.spacing_mm,
        )
        for number, case in enumerate(kept)
        if case.removed
    ]
    space = {"threshold": GRID["threshold"]}
    fit = search_postprocessing(kept + never, config_of(space, trials=9, postprocessing_per_subset=True))
    assert fit.crossfit_score == 1
    assert fit.best.missing is not None
    assert fit.best.missing.threshold < 0.5 < fit.best.full.threshold


def test_curves_are_the_objective_with_all_else_held_at_the_fitted_settings():
    kept = cohort(5, lesion=0.45, speck=0.5, noise=0.4)
    config = config_of(GRID, trials=27, default={"threshold": 0.55})
    fit = search_postprocessing(kept, config)
    fitted = fit.fitted.full
    assert set(fit.curves) == {"postprocessing.threshold", "postprocessing.remove_small.voxels"}
    curve = fit.curves["postprocessing.threshold"]
    assert [value for value, _ in curve] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9]
    for value, score in curve:
        held = Postprocessing(threshold=value, remove_small=fitted.remove_small)
        assert score == pytest.approx(objective_of(kept, held, config))
    voxels = [value for value, _ in fit.curves["postprocessing.remove_small.voxels"]]
    assert voxels == [0, 3, 6]


@pytest.mark.parametrize("per_subset", [False, True])
def test_no_point_of_a_curve_is_above_the_fitted_settings(per_subset):
    kept = cohort(7, lesion=0.5, speck=0.6, noise=0.45)
    space = FLOATS | {"keep_biggest": {"ratio": {"type": "float", "low": 0, "high": 1}}}
    steps = ("threshold", "remove_small", "keep_biggest")
    config = config_of(space, trials=10, default={"steps": steps}, postprocessing_per_subset=per_subset)
    fit = search_postprocessing(kept, config)
    for path, curve in fit.curves.items():
        chain, _, name = path.rpartition("postprocessing.")
        settings = fit.fitted.missing if chain == "missing." else fit.fitted.full
        assert settings is not None
        at = {
            "threshold": settings.threshold,
            "remove_small.ml": settings.remove_small.ml,
            "keep_biggest.ratio": settings.keep_biggest.ratio,
        }[name]
        scores = dict(map(tuple, curve))
        assert scores[at] == max(scores.values())
    assert len(fit.curves) == (6 if per_subset else 3)
    assert fit.tried >= 3 * (1 + per_subset) * (10 + 3 * 41)


def test_the_fit_is_json_and_optuna_keeps_its_verbosity():
    before = optuna.logging.get_verbosity()
    fit = search_postprocessing(cohort(2, lesion=0.5), config_of(FLOATS, trials=2))
    assert optuna.logging.get_verbosity() == before
    content = json.loads(json.dumps(fit.to_dict()))
    assert Chains.model_validate(content["best"]) == fit.best
    assert Chains.model_validate(content["default"]) == fit.default
    assert content["curves"]["postprocessing.threshold"] == fit.curves["postprocessing.threshold"]
    assert content.keys() - fit.without_curves().keys() == {"curves"}
    assert {"crossfit_score", "default_score", "gain", "gain_low", "gain_high", "within_noise"} < set(content)
