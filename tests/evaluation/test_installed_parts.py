"""A step and a metric of an installed package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from builders import availability
from installing import installed
from search_cases import config_of, objective_of, search

from analysis.figures import postprocessing_figure
from study.cohort.records import SubjectFacts
from study.config import Evaluation, Postprocessing
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.evaluation.kept import KeptCase, keep
from study.evaluation.postprocessing import in_words, postprocess
from study.evaluation.steps import StepContext
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.machine.runtime import Runtime

SOURCE = """
from dataclasses import dataclass
from study.config.parts import Part
from study.evaluation.steps import PostprocessingStep

@dataclass(frozen=True)
class Trimmed:
    columns: int = 1

def trim(mask, probability, settings, context):
    left = mask.copy()
    left[..., : settings.settings.trimmed.columns] = False
    return left

def words(settings):
    return f"the first {settings.settings.trimmed.columns} columns are removed"

TRIMMED = Part(PostprocessingStep(trim, words), Trimmed)

def extent_mm(reference, prediction, spacing_mm):
    return prediction.any(axis=(0, 1)).sum() * spacing_mm[2]
"""
STEPS = ("threshold", "trimmed", "remove_small")


@pytest.fixture(autouse=True)
def package(tmp_path: Path) -> Iterator[None]:
    points = {"fadeout.steps": {"trimmed": "TRIMMED"}, "fadeout.metrics": {"extent_mm": "extent_mm"}}
    with installed(tmp_path, "trimming", SOURCE, points):
        yield


def striped() -> list[KeptCase]:
    """Four subjects with a lesion in columns 4 and 5, and something false in columns 0 to 2."""
    reference = np.zeros((1, 4, 6), bool)
    reference[..., 4:] = True
    probability = np.where(reference, 0.9, 0.8).astype(np.float32)
    probability[..., 3] = 0
    return [
        keep(
            probability,
            reference,
            key=f"A-{number}",
            center="A",
            availability=availability("DWI+B0"),
            spacing_mm=(1.0, 1.0, 2.0),
        )
        for number in range(4)
    ]


def test_the_step_is_done_in_its_place_with_its_own_settings() -> None:
    settings = Postprocessing(steps=STEPS, settings={"trimmed": {"columns": 2}}, remove_small={"voxels": 5})
    (case, *_) = striped()
    mask = postprocess(case.probability(), settings, StepContext(case.spacing_mm))
    assert mask.sum() == 8  # what is left of the false component is too small
    assert in_words(settings)[1] == "the first 2 columns are removed"


@pytest.mark.parametrize("trials", [4, 3], ids=["tried whole", "sampled"])
def test_its_settings_are_searched_though_it_has_no_arithmetic_on_components(trials: int) -> None:
    space = {"settings": {"trimmed": {"columns": {"type": "int", "low": 0, "high": 3}}}}
    config = config_of(space, trials=trials, default={"steps": STEPS})
    fit = search(striped(), config)
    assert fit.fitted.full.settings.trimmed.columns == 3
    assert fit.fitted_score == objective_of(striped(), fit.fitted.full, config) == 1
    (curve,) = fit.curves
    assert curve.path == "postprocessing.settings.trimmed.columns"
    assert [point.value for point in curve.points] == [0, 1, 2, 3]
    assert type(fit).model_validate(fit.model_dump(mode="json")) == fit


def test_the_step_itself_can_be_searched() -> None:
    orders = [["threshold"], ["threshold", "trimmed"]]
    space = {
        "steps": {"type": "categorical", "choices": orders},
        "settings": {"trimmed": {"columns": {"type": "int", "low": 1, "high": 3}}},
    }
    fit = search(striped(), config_of(space, trials=20))
    assert fit.fitted.full.steps == ("threshold", "trimmed")
    assert fit.fitted_score == 1
    labels = [axes.get_xlabel() for axes in postprocessing_figure(fit).axes]
    assert labels[:2] == ["steps", "trimmed"]


def test_the_metric_is_a_column_of_rows() -> None:
    grid = Grid((1, 4, 6), np.diag([1.0, 1.0, 2.0, 1.0]))
    (case, *_) = striped()
    target = case.reference.astype(np.uint8)
    prepared = Prepared(
        SubjectFacts("A-1", "A"),
        np.zeros((2, 1, 4, 6), np.float32),
        (True, True),
        target,
        np.zeros((0, 3), np.int16),
        grid,
        grid,
        target,
    )
    runtime = Runtime.choose("cpu", "fp32")
    judge = Judge(("DWI", "B0"), (), Evaluation(metrics=("extent_mm",)), (1, 4, 6), runtime)
    chains = Chains(full=Postprocessing(steps=("threshold",)))
    row = judge.row(0, "test", True, prepared, availability("DWI+B0"), case.probability(), chains)
    assert row.extra == {"extent_mm": 5 * grid.spacing_mm[2]}
    assert row.cells()["extent_mm"] == 5 * grid.spacing_mm[2]
