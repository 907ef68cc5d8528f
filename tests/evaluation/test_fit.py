"""The record of a search: its curves, and that it survives a file."""

from __future__ import annotations

import json
import math

import optuna
import pytest
from pydantic import ValidationError
from search_cases import FLOATS, GRID, cohort, config_of, objective_of, search

from study.config import Postprocessing
from study.evaluation.chains import Chains
from study.evaluation.fit import PostprocessingFit


def test_curves_are_the_objective_with_all_else_held_at_the_fitted_settings():
    kept = cohort(5, lesion=0.45, speck=0.5, noise=0.4)
    config = config_of(GRID, trials=27, default={"threshold": 0.55})
    fit = search(kept, config)
    fitted = fit.fitted.full
    curves = {curve.path: curve.points for curve in fit.curves}
    assert curves.keys() == {"postprocessing.threshold", "postprocessing.remove_small.voxels"}
    assert [value for value, _ in curves["postprocessing.threshold"]] == [
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
        0.55,
        0.6,
        0.7,
        0.8,
        0.9,
    ]
    for value, score in curves["postprocessing.threshold"]:
        held = Postprocessing(threshold=value, remove_small=fitted.remove_small)
        assert score == pytest.approx(objective_of(kept, held, config))
    voxels = [value for value, _ in curves["postprocessing.remove_small.voxels"]]
    assert voxels == [0, 3, 6]


@pytest.mark.parametrize("per_subset", [False, True])
def test_no_point_of_a_curve_is_above_the_fitted_settings(per_subset):
    kept = cohort(7, lesion=0.5, speck=0.6, noise=0.45)
    space = FLOATS | {"keep_biggest": {"ratio": {"type": "float", "low": 0, "high": 1}}}
    steps = ("threshold", "remove_small", "keep_biggest")
    config = config_of(space, trials=10, default={"steps": steps}, postprocessing_per_subset=per_subset)
    fit = search(kept, config)
    assert len(fit.curves) == (6 if per_subset else 3)
    for curve in fit.curves:
        settings = fit.fitted.missing if curve.cases == "missing" else fit.fitted.full
        assert settings is not None
        at = {
            "threshold": settings.threshold,
            "remove_small.ml": settings.remove_small.ml,
            "keep_biggest.ratio": settings.keep_biggest.ratio,
        }[curve.path.removeprefix("postprocessing.")]
        scores = dict(curve.points)
        assert scores[at] == max(scores.values())
    assert fit.tried >= 3 * (1 + per_subset) * (10 + 3 * 41)


def test_the_fit_survives_json_and_optuna_keeps_its_verbosity():
    before = optuna.logging.get_verbosity()
    choices = {"type": "categorical", "choices": [["threshold"], ["threshold", "fill_holes"]]}
    fit = search(cohort(2, lesion=0.5), config_of(GRID | {"steps": choices}, trials=2))
    assert optuna.logging.get_verbosity() == before
    assert fit.curves
    assert PostprocessingFit.model_validate(json.loads(json.dumps(fit.model_dump(mode="json")))) == fit


def test_a_score_that_is_not_defined_survives_json():
    chains = Chains(full=Postprocessing())
    scores = dict.fromkeys(("crossfit_score", "fitted_score", "default_score"), math.nan)
    fit = PostprocessingFit(default=chains, fitted=chains, subjects=0, **scores)
    read = PostprocessingFit.model_validate(json.loads(json.dumps(fit.model_dump(mode="json"))))
    assert math.isnan(read.crossfit_score)
    assert math.isnan(read.value)
    assert read.best == chains


def test_the_fitted_chain_is_used_only_where_it_gains_something():
    default, fitted = Chains(full=Postprocessing()), Chains(full=Postprocessing(threshold=0.3))
    scores = {"crossfit_score": 0.7, "fitted_score": 0.8, "default_score": 0.6, "subjects": 4}
    better = PostprocessingFit(default=default, fitted=fitted, gain=0.1, **scores)
    assert (better.best, better.value) == (fitted, 0.7)
    no_better = PostprocessingFit(default=default, fitted=fitted, gain=0.0, **scores)
    assert (no_better.best, no_better.value) == (default, 0.6)


def test_a_damaged_record_is_refused_with_its_field():
    chains = Chains(full=Postprocessing()).model_dump(mode="json")
    content = {"default": chains, "fitted": chains, "crossfit_score": 0.5, "fitted_score": 0.5, "subjects": 2}
    with pytest.raises(ValidationError, match="default_score"):
        PostprocessingFit.model_validate(content)
