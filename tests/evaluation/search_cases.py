"""Small kept maps and configurations for tests of the search of the post-processing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builders import availability

from search_spaces.space import SearchSpace
from study.config import Config, Postprocessing, validate
from study.evaluation.fit import PostprocessingFit
from study.evaluation.kept import KeptCase, keep
from study.evaluation.metrics import dice
from study.evaluation.objective import objective_score
from study.evaluation.postprocessing import postprocess
from study.evaluation.search import search_postprocessing
from study.evaluation.settings_space import SettingsSpace
from study.evaluation.steps import StepContext

BOTH = availability("DWI+B0")
WITHOUT_B0 = availability("DWI+B0", "DWI", removed="B0")
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


def search(kept: Sequence[KeptCase], config: Config) -> PostprocessingFit:
    space = SettingsSpace(
        SearchSpace.parse(config.search_space, config).postprocessing, config.postprocessing
    )
    return search_postprocessing(kept, space, config.objective, config.evaluation, config.study.seed)


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
            availability=given,
            spacing_mm=(10.0, 1.0, 1.0),
        )
        for given, factor in ((BOTH, 1.0), (WITHOUT_B0, without_b0))
    ]


def cohort(n: int, **kwargs: float) -> list[KeptCase]:
    return [case for number in range(n) for case in subject(number, **kwargs)]


def objective_of(kept: list[KeptCase], settings: Postprocessing, config: Config) -> float:
    """The plain way: post-process, count, average."""
    records = [
        (
            case.center,
            case.key,
            bool(case.availability.removed),
            dice(
                case.reference,
                postprocess(case.probability(), settings, StepContext(case.spacing_mm, case.lesion)),
                config.evaluation.empty_dice,
            ),
        )
        for case in kept
    ]
    return objective_score(records, config.objective).objective
