"""Colours by objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.report.svg import SCORES
from analysis.report.view import TrialView

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable


def score_colors(trials: Sequence[TrialView]) -> ScalarMappable:
    """The scale of colours from the lowest to the highest objective, the darker the better."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    values = [trial.value or 0.0 for trial in trials]
    return ScalarMappable(Normalize(min(values), max(max(values), min(values) + 1e-6)), colormaps[SCORES])


def shade(colors: ScalarMappable, trial: TrialView) -> tuple[float, float, float, float]:
    """The colour of a trial with a defined objective."""
    red, green, blue, opacity = np.asarray(colors.to_rgba(np.asarray(trial.value, np.float64))).tolist()
    return red, green, blue, opacity
