"""The contract of a step of the post-processing: what every `study.evaluation.steps.PostprocessingStep` must keep.

The checks run the step on small random maps, after `threshold` and after all other steps of ours::

    from mypackage.steps import OPENED
    from study.testing.steps import check_step


    def test_opened_keeps_the_contract() -> None:
        check_step("opened", settings={"settings": {"opened": {"voxels": 2}}})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from study.cohort.availability import Availability
from study.config import Postprocessing
from study.evaluation.fast_chain import FastChain
from study.evaluation.images import ImageValues
from study.evaluation.kept import KeptCase, keep
from study.evaluation.postprocessing import in_words, postprocess
from study.evaluation.steps import find_step
from study.evaluation.steps.context import context_of_kept
from study.imaging.values import NO_VALUE

__all__ = ["check_step"]

OTHERS = ("remove_small", "keep_biggest", "grow", "fill_holes", "seeds")
LOWEST = 0.05  # of all thresholds
MAPS = 12
VALUES = np.array([NO_VALUE, 400, 600, 800, 1000, 1500], np.int16)  # thousandths


def check_step(name: str, settings: Mapping[str, Any] | None = None) -> None:
    """Run all checks.

    Args:
        name: of the step, ours or that of an installed package.
        settings: of the section `postprocessing`, such as the step's own; the steps are set by the checks.

    Raises:
        AssertionError: a check fails; says what is wrong and what would be right.
    """
    chains = list(_chains(name, settings or {}))
    assert chains, f"{name} must go into some order of steps with these settings"
    _check_words(name, chains[0])
    for case in _cases():
        _check_mask(name, case, chains[0])
    if find_step(name).on_components is not None:
        _check_counts(name, list(_cases()), chains)


def _chains(name: str, settings: Mapping[str, Any]) -> Iterator[Postprocessing]:
    """The step in every order of steps that the configuration allows."""
    orders = list(_orders(name))
    for steps in orders:
        try:
            yield Postprocessing.model_validate({**settings, "steps": steps})
        except ValidationError:
            if steps == orders[0]:
                raise


def _orders(name: str) -> Iterator[tuple[str, ...]]:
    """The step alone, before and after each other step, and among all."""
    if name == "threshold":
        yield ("threshold",)
        return
    yield ("threshold", name)
    others = [other for other in OTHERS if other != name]
    for other in others:
        yield ("threshold", name, other)
        yield ("threshold", other, name)
    yield ("threshold", *others, name)


def _check_words(name: str, settings: Postprocessing) -> None:
    words = find_step(name).words(settings)
    assert isinstance(words, str), f"words of {name} must be text, got {type(words).__name__}"
    assert all(in_words(settings)), f"a chain with {name} must be described in sentences"


def _check_mask(name: str, case: KeptCase, settings: Postprocessing) -> None:
    step, context = find_step(name), context_of_kept(case)
    probability = case.probability()
    before = probability >= np.float32(settings.threshold)
    mask, seen = before.copy(), probability.copy()
    after = step.apply(mask, probability, settings, context)
    assert after.shape == mask.shape, f"{name} must give a mask {list(mask.shape)}, got {list(after.shape)}"
    assert after.dtype == np.bool_, f"{name} must give booleans, got {after.dtype}"
    assert np.array_equal(mask, before), f"{name} must leave the mask before it as it is"
    assert np.array_equal(probability, seen), f"{name} must leave the probabilities as they are"
    if name != "threshold":
        nothing = step.apply(np.zeros_like(mask), probability, settings, context)
        assert not nothing.any(), f"{name} must leave an empty mask empty"


def _check_counts(name: str, cases: list[KeptCase], chains: list[Postprocessing]) -> None:
    overlap, predicted = FastChain(cases, LOWEST, "one").counts(chains)
    for row, settings in enumerate(chains):
        for column, case in enumerate(cases):
            mask = postprocess(case.probability(), settings, context_of_kept(case))
            wanted = (np.count_nonzero(mask & case.reference), np.count_nonzero(mask))
            found = (overlap[row, column], predicted[row, column])
            assert found == wanted, (
                f"on_components of {name} must count what apply leaves in {', '.join(settings.steps)}: "
                f"overlap and prediction of {wanted} voxels, got {tuple(map(int, found))}"
            )


def _cases() -> Iterator[KeptCase]:
    """Random maps of few levels, with and without a lesion and an image of ADC; the last one is empty."""
    for number in range(MAPS):
        rng = np.random.default_rng(number)
        shape = tuple(int(side) for side in rng.integers(3, 10, 3))
        levels: NDArray[np.float32] = np.array([0, 0.1, 0.3, 0.5, 0.7, 1], np.float32)
        probability = rng.choice(levels, shape) * np.float32(number < MAPS - 1)
        given = ("ADC",) if number % 3 else ()
        yield keep(
            probability,
            rng.random(shape) < 0.3,
            key=f"A-{number:04d}",
            center="A",
            availability=Availability(("DWI", "ADC"), ("DWI", *given)),
            spacing_mm=(3.0, 1.0, 1.5),
            lesion=(1.0, 2.0, 1.5) if number % 2 else None,
            images=[ImageValues(modality, rng.choice(VALUES, shape)) for modality in given],
        )
