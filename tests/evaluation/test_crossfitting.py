"""Post-processing cannot overfit silently: what is fitted is scored on other subjects."""

from __future__ import annotations

import numpy as np
import pytest
from search_cases import BOTH, FLOATS, GRID, config_of, objective_of, search, subject

from study.config import Postprocessing
from study.evaluation.chains import Chains
from study.evaluation.fit import PostprocessingFit
from study.evaluation.kept import KeptCase, keep
from study.evaluation.objective import objective_score


def test_the_halves_do_not_see_each_other():
    # All that the setting of a half can know is the other half: what is false in it alone is not removed.
    kept = [
        *subject(0, lesion=0.9, center="A"),
        *subject(1, lesion=0.9, speck=0.8, center="A"),
    ]
    fit = search(kept, config_of(GRID, trials=27))
    assert objective_of(kept, fit.fitted.full, config_of(GRID)) == 1
    assert fit.crossfit_score == fit.default_score == pytest.approx((1 + 2 * 12 / (12 + 14)) / 2)
    assert fit.best == fit.default


def test_a_gain_that_does_not_carry_over_is_refused():
    # Some have faint lesions, some have false specks: what helps the ones harms the others.
    faint = [case for number in (0, 1) for case in subject(number, lesion=0.3)]
    false = [case for number in (2, 3) for case in subject(number, lesion=0.55, speck=0.45)]
    fits = [search(faint + false, config_of(FLOATS, trials=40, seed=seed)) for seed in range(4)]
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
            availability=BOTH,
            spacing_mm=(10.0, 1.0, 1.0),
        )
        for number, reference in enumerate(references)
    ]


def test_pure_noise_gains_nothing_and_says_so():
    default = {"threshold": 0.02}  # everything: the best there is for Dice on noise
    fit = search(noise(8), config_of(FLOATS, default=default))
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
                availability=BOTH,
                spacing_mm=(1.0, 1.0, 1.0),
            )
        )
    space = {"threshold": {"type": "categorical", "choices": [0.3, 0.5]}}
    fit = search(kept, config_of(space))
    assert fit.best.full.threshold == 0.3
    assert fit.gain == pytest.approx((7 * (1 - 20 / 22) - 1 / 4) / 8)
    assert fit.gain_low < 0 < fit.gain < fit.gain_high
    assert fit.within_noise


def test_scores_of_subjects_make_the_value_that_trials_are_compared_by():
    cases = [case for number in range(6) for case in subject(number, lesion=0.45, speck=0.5, noise=0.4)]
    alone = subject(7, lesion=0.9, speck=0.8)[:1]  # has no subset without a modality
    config = config_of(GRID, trials=27, objective={"full": 1, "missing": 3, "worst_center": 2})
    fit = search(cases + alone, config)
    records = [
        (one.center, one.subject, removed, value)
        for one in fit.scores
        for removed, value in ((False, one.full), (True, one.missing))
    ]
    assert objective_score(records, config.objective).objective == pytest.approx(fit.value)
    assert np.isnan(fit.scores[-1].missing)
    again = PostprocessingFit.model_validate_json(fit.model_dump_json())
    np.testing.assert_equal(again.scores, fit.scores)
