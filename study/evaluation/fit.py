"""What a search of the post-processing has found: the record that a trial keeps."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from pydantic import ConfigDict

from study.config import Section
from study.evaluation.chains import Chains
from study.evaluation.objective import SubjectScore

Cases = Literal["all", "full", "missing"]  # predictions that one chain is fitted on
SettingValue = bool | int | float | str | tuple[str, ...] | None


class Point(NamedTuple):
    """One value of a setting, and the objective with it."""

    value: SettingValue
    score: float


class Parts(NamedTuple):
    """What the objective is the weighted mean of; nan where it is not defined."""

    full: float
    missing: float
    worst_center: float


NOTHING = Parts(math.nan, math.nan, math.nan)


class Curve(Section):
    """The objective on validation subjects against one searched setting, all others as in the fitted chain.

    Attributes:
        cases: the predictions that the chain is for, and that the objective is over.
        path: of the setting, `postprocessing.threshold`.
        points: ascending in value; choices that are no numbers keep their order.
    """

    cases: Cases
    path: str
    points: tuple[Point, ...]


class PostprocessingFit(Section):
    """The chain that a search has found, and what it gains.

    Attributes:
        default: the chains before the search.
        fitted: the best chains on all subjects.
        crossfit_score: objective of all subjects, each under the chains fitted on the half without it; that of the
            default where nothing is searched (no trials, an empty space, fewer than 2 subjects).
        fitted_score: objective of all subjects under `fitted`; too high, because it was fitted on them.
        default_score: objective of all subjects under the default.
        crossfit_parts, default_parts: what these two are the weighted means of.
        gain: crossfit_score - default_score.
        gain_low, gain_high: 95 % bootstrap percentile interval of the gain, over subjects within centers (over those
            that are alone in their center together); None for fewer than 5 subjects.
        within_noise: the interval contains 0, or there is none.
        subjects: number of subjects.
        trials: settings proposed in each of the three fits.
        exhaustive: whether they are all that the space holds.
        tried: settings tried in all fits together.
        scores: what each subject contributes to `value`.
        curves: one for each searched setting that acts in the fitted chains.
    """

    model_config = ConfigDict(allow_inf_nan=True, ser_json_inf_nan="constants")  # no Dice may be defined

    default: Chains
    fitted: Chains
    crossfit_score: float
    fitted_score: float
    default_score: float
    crossfit_parts: Parts = NOTHING
    default_parts: Parts = NOTHING
    gain: float = 0.0
    gain_low: float | None = None
    gain_high: float | None = None
    within_noise: bool = True
    subjects: int
    trials: int = 0
    exhaustive: bool = False
    tried: int = 0
    scores: tuple[SubjectScore, ...] = ()
    curves: tuple[Curve, ...] = ()

    @property
    def gain_interval(self) -> tuple[float, float] | None:
        """The interval of the gain; None if there is none, or all subjects gain the same."""
        if self.gain_low is None or self.gain_high is None or not self.gain_low < self.gain_high:
            return None
        return self.gain_low, self.gain_high

    @property
    def best(self) -> Chains:
        """The chains to use: `fitted`, or the default where cross-fitting gains nothing."""
        return self.fitted if self.gain > 0 else self.default

    @property
    def value(self) -> float:
        """The score that trials are compared by: the cross-fitted one, or the default's where that is kept."""
        return self.crossfit_score if self.gain > 0 else self.default_score

    @property
    def parts(self) -> Parts:
        """What `value` is the weighted mean of."""
        return self.crossfit_parts if self.gain > 0 else self.default_parts
