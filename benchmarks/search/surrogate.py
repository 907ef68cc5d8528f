"""The learning curve of any setting, by a regression on recorded ones (Gaussian process), with its own error.

Trainings are alike where g is alike, epoch by epoch, and the numbers: drop probability, noise, learning rate. g stands
for shape, steps, exponent, steepness and clock together: most settings of a shape mean nothing to another one.
The kernel is a squared exponential with a length for each of these, found by the marginal likelihood of all epochs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.stats import spearmanr

from benchmarks.search.curves import Recording
from benchmarks.search.design import CLOCK, CLOCKS, fill, place_of
from search_spaces import SearchSpace
from study.commandline.composition import compose
from study.config import Schedule
from study.config.values import with_values
from study.training.fading import fade, progress
from study.training.rungs import study_rungs

__all__ = ["Regression", "Surrogate"]

Values = NDArray[np.float64]
SCHEDULE = "schedule."
LENGTHS = (-0.7, 4.0)  # logarithms; with shorter ones, luck would pass for an effect of the settings
BEST_OF = 4096  # settings, of which the best counts as the optimum


class Regression:
    """A Gaussian process from places [n, groups of features] to curves [n, epochs].

    Args:
        places: features of each setting, in groups that share a length.
        curves: of the settings.
        together: a number for each curve; those with the same one are left out together.

    Attributes:
        left_out: what the process without a curve, and those that go with it, would have said of it [n, epochs].
        noise: how far trainings of the same setting lie apart, as a standard deviation [epochs].
    """

    def __init__(self, places: Sequence[Values], curves: Values, together: NDArray[np.int64]) -> None:
        self._places = places
        self._mean, self._scale = curves.mean(0), curves.std(0) + 1e-9
        self._targets = (curves - self._mean) / self._scale
        squares = [_squares(group, group) for group in places]
        start = np.log([*(np.sqrt(square.mean()) + 1e-3 for square in squares), 0.3])
        bounds = [LENGTHS] * len(squares) + [(-4.0, 1.0)]
        found = minimize(self._unlikely, start, (squares,), "L-BFGS-B", bounds=bounds)
        self._lengths, self._noise = np.exp(found.x[:-1]), float(np.exp(found.x[-1]))
        self.noise = self._noise * self._scale
        factor = cho_factor(self._kernel(squares, self._lengths) + self._noise**2 * np.eye(len(curves)))
        self._weights = cho_solve(factor, self._targets)
        inverse = cho_solve(factor, np.eye(len(curves)))
        self.left_out = curves.copy()
        for number in np.unique(together):  # Rasmussen & Williams 2006, eq. 5.12, for a block
            block = np.flatnonzero(together == number)
            off = np.linalg.solve(inverse[np.ix_(block, block)], self._weights[block])
            self.left_out[block] -= off * self._scale

    def __call__(self, places: Sequence[Values]) -> Values:
        """The curves [m, epochs] at places."""
        squares = [_squares(new, old) for new, old in zip(places, self._places, strict=True)]
        return np.asarray(self._mean + self._kernel(squares, self._lengths) @ self._weights * self._scale)

    def _kernel(self, squares: Sequence[Values], lengths: Values) -> Values:
        return np.asarray(
            np.exp(-0.5 * sum(s / length**2 for s, length in zip(squares, lengths, strict=True)))
        )

    def _unlikely(self, logarithms: Values, squares: Sequence[Values]) -> float:
        """Negative log marginal likelihood, the mean over epochs."""
        lengths, noise = np.exp(logarithms[:-1]), np.exp(logarithms[-1])
        number, epochs = self._targets.shape
        lower, _ = factor = cho_factor(self._kernel(squares, lengths) + noise**2 * np.eye(number), lower=True)
        fit = float(np.sum(self._targets * cho_solve(factor, self._targets)))
        return float(0.5 * fit / epochs + np.log(np.diag(lower)).sum())


@dataclass(frozen=True)
class Error:
    """How wrong the regression is on settings that it was not given, with neither clock.

    Attributes:
        rank_correlation: Spearman's, between predicted and recorded final values.
        rmse: root mean squared error of the final value.
        spread: standard deviation of the recorded final values.
        early: Spearman's, between recorded values at each validated epoch and the final ones.
    """

    rank_correlation: float
    rmse: float
    spread: float
    early: tuple[float, ...]


class Surrogate:
    """Answers a search: the curve of a setting, and how good it really is.

    Args:
        recording: of a design with each clock.

    Attributes:
        settings: arguments of the recorded study.
        config: of that study.
        epochs: that are validated.
        errors: by clock.
        noise: how far final values of the same setting lie apart, as a standard deviation.
    """

    def __init__(self, recording: Recording) -> None:
        self.settings = recording.settings
        self.config = compose([*recording.settings, "study.name=search"])
        self.epochs = recording.epochs
        self._rungs = study_rungs(self.config.trainer, self.config.tuning)
        self._space = SearchSpace.parse(self.config.search_space, self.config).outer
        objectives = recording.objectives(self.config.objective)
        values = [curve.values for curve in recording.curves]
        places = self._places(values)
        numbers = np.hstack(places[1:])  # the same for both clocks of a setting
        together = np.unique(numbers.round(9), axis=0, return_inverse=True)[1].ravel()
        self._regression = Regression(places, objectives, together)
        self.noise = float(self._regression.noise[-1])
        self._residuals: dict[str, Values] = {}
        self.errors: dict[str, Error] = {}
        for clock in CLOCKS:
            chosen = [at for at, one in enumerate(values) if one[CLOCK] == clock]
            curves, left_out = objectives[chosen], self._regression.left_out[chosen]
            self._residuals[clock] = curves - left_out
            self.errors[clock] = _error(left_out[:, -1], curves)

    def curve(self, values: Mapping[str, Any], luck: np.random.Generator) -> Values:
        """The objective at each validated epoch, and after post-processing [epochs + 1].

        It is the regression's, with what a recorded training that is drawn by lot differed from its own: trainings
        are as noisy as the recorded ones, and the error of the regression counts as noise.
        """
        residuals = self._residuals[self._clock(values)]
        return np.asarray(self._mean(values) + residuals[int(luck.integers(len(residuals)))])

    def worth(self, values: Mapping[str, Any]) -> float:
        """The objective that a setting has without luck."""
        return float(self._mean(values)[-1])

    def extremes(self, clock: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The best setting with a clock and the worst one, of many."""
        settings = [{**values, CLOCK: clock} for values in fill(self._space, BEST_OF, seed=1)]
        final = self._regression(self._places(settings))[:, -1]
        return settings[int(final.argmax())], settings[int(final.argmin())]

    @property
    def optimum(self) -> float:
        """The objective of the best setting with the better clock."""
        return max(self.worth(self.extremes(clock)[0]) for clock in CLOCKS)

    def _mean(self, values: Mapping[str, Any]) -> Values:
        return np.asarray(self._regression(self._places([values]))[0])

    def _clock(self, values: Mapping[str, Any]) -> str:
        return str(values.get(CLOCK, self.config.schedule.clock))

    def _places(self, settings: Sequence[Mapping[str, Any]]) -> list[Values]:
        """The features of settings: g in each epoch, and each number."""
        numbers = [
            p
            for p in self._space.parameters
            if p.kind in ("float", "int") and not p.path.startswith(SCHEDULE)
        ]
        fades = np.array([self._fading(values) for values in settings])
        return [fades, *(np.array([[place_of(p, values[p.path])] for values in settings]) for p in numbers)]

    def _fading(self, values: Mapping[str, Any]) -> list[float]:
        """g in each epoch, over the square root of their number: distances of curves are root mean squares."""
        own = {
            path.removeprefix(SCHEDULE): value for path, value in values.items() if path.startswith(SCHEDULE)
        }
        schedule = Schedule.model_validate(with_values(self.config.schedule.model_dump(), own))
        epochs = self.config.trainer.epochs
        moments = (progress(epoch, epochs, schedule.clock, self._rungs) for epoch in range(epochs))
        return [fade(schedule, moment) / epochs**0.5 for moment in moments]


def _squares(one: Values, other: Values) -> Values:
    """Squared distances [n, m]."""
    return np.asarray(((one[:, None] - other[None]) ** 2).sum(-1))


def _error(predicted: Values, recorded: Values) -> Error:
    """Of final values [n], beside recorded curves [n, epochs]."""
    *before, final = recorded.T
    return Error(
        rank_correlation=float(spearmanr(predicted, final).statistic),
        rmse=float(np.sqrt(np.mean((predicted - final) ** 2))),
        spread=float(final.std()),
        early=tuple(float(spearmanr(one, final).statistic) for one in before),
    )
