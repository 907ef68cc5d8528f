"""The contract of a metric: a number for every pair of masks.

::

    from mypackage.metrics import surface_dice
    from study.testing.metrics import check_metric


    def test_surface_dice_keeps_the_contract() -> None:
        check_metric(surface_dice)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from study.evaluation.components import Mask

__all__ = ["Metric", "check_metric"]

Metric = Callable[[Mask, Mask, Sequence[float]], float]
SHAPE = (3, 5, 4)
SPACING_MM = (3.0, 1.0, 1.5)


def check_metric(metric: Metric) -> None:
    """Run all checks: a number, nan included, for masks that are empty, full, equal, disjoint and overlapping.

    Raises:
        AssertionError: a check fails; says for which masks.
    """
    for what, reference, prediction in _pairs():
        masks = reference.copy(), prediction.copy()
        value = metric(*masks, SPACING_MM)
        assert np.ndim(value) == 0, f"{what}: a metric must be one number, got shape {np.shape(value)}"
        assert isinstance(float(value), float)
        unchanged = np.array_equal(masks[0], reference) and np.array_equal(masks[1], prediction)
        assert unchanged, f"{what}: a metric must leave both masks as they are"
        again = metric(*masks, SPACING_MM)
        assert np.array_equal(value, again, equal_nan=True), (
            f"{what}: a metric must give the same value again"
        )


def _pairs() -> Iterator[tuple[str, Mask, Mask]]:
    rng = np.random.default_rng(0)
    empty, full, some = np.zeros(SHAPE, bool), np.ones(SHAPE, bool), rng.random(SHAPE) < 0.4
    yield "both masks empty", empty, empty
    yield "reference empty", empty, some
    yield "prediction empty", some, empty
    yield "both masks full", full, full
    yield "equal masks", some, some
    yield "disjoint masks", some, ~some
    yield "overlapping masks", some, rng.random(SHAPE) < 0.4
