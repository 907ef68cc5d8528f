"""Chains of their own for predictions from all modalities and from fewer."""

from __future__ import annotations

import pytest
from builders import availability
from search_cases import FLOATS, GRID, cohort, config_of, search

from study.evaluation.kept import keep


def test_thresholds_of_their_own_for_subjects_that_lack_a_modality():
    # Without B0 the lesion is fainter than a speck is with it: no threshold is right for both.
    kept = cohort(6, lesion=0.8, speck=0.5, without_b0=0.5)
    together = search(kept, config_of(GRID | {"remove_small": {}}, trials=9))
    assert together.best.missing is None
    apart = search(kept, config_of(GRID | {"remove_small": {}}, trials=9, postprocessing_per_subset=True))
    assert together.crossfit_score < apart.crossfit_score == 1
    assert 0.5 < apart.best.full.threshold <= 0.8
    assert apart.best.missing is not None
    assert 0.25 < apart.best.missing.threshold <= 0.4
    assert [(curve.cases, curve.path) for curve in apart.curves] == [
        ("full", "postprocessing.threshold"), ("missing", "postprocessing.threshold")
    ]  # fmt: skip
    assert apart.trials == 9


@pytest.mark.parametrize("removed", [(), ("B0",)])
def test_where_all_subjects_lack_a_modality_or_none_one_chain_is_fitted(removed):
    kept = [case for case in cohort(4, lesion=0.3) if case.availability.removed == removed]
    fit = search(kept, config_of(FLOATS, trials=20, postprocessing_per_subset=True))
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
            availability=availability("DWI+B0", "DWI"),
            spacing_mm=case.spacing_mm,
        )
        for number, case in enumerate(kept)
        if case.availability.removed
    ]
    space = {"threshold": GRID["threshold"]}
    fit = search(kept + never, config_of(space, trials=9, postprocessing_per_subset=True))
    assert fit.crossfit_score == 1
    assert fit.best.missing is not None
    assert fit.best.missing.threshold < 0.5 < fit.best.full.threshold
