"""Fading: what is left of a dropped modality at each moment of a training, g(t) of Vargas-Ibarra et al. 2025, eq. 2.

A shape gives g at a position between `schedule.hold` (0) and `schedule.finish` (1). Every shape falls from
`schedule.start` to `schedule.end`, except `none`, which is always 1, and `abrupt`, which is always 0. A new shape is
one function; its name stands in `study.config.parts`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import wraps
from itertools import accumulate
from typing import Literal

from study.config import Schedule
from study.config.parts import find_part

__all__ = ["fade", "falling", "has_faded_out", "progress"]

EXPONENTIAL_RATE = 5.0  # time constants between hold and finish
FADED_OUT = 0.05  # of the way down that may be left where modalities count as faded out
ROUNDING = 1e-9  # a quarter that was computed as 0.24999999999 is a quarter

Shape = Callable[[Schedule, float], float]


def fade(schedule: Schedule, progress: float) -> float:
    """g at a moment of the training: the factor, in [0, 1], on a modality drawn to be dropped.

    Args:
        schedule: shape and its parameters.
        progress: fraction of the training (or of the way between two rungs), in [0, 1].

    Raises:
        ValueError: progress is not in [0, 1].
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress must be in [0, 1], got {progress}")
    position = (progress - schedule.hold) / (schedule.finish - schedule.hold)
    shape: Shape = find_part("schedules", schedule.shape)
    return shape(schedule, min(max(position, 0.0), 1.0))


def progress(epoch: int, epochs: int, clock: Literal["trial", "rung"], rungs: Sequence[int]) -> float:
    """How far the schedule has come at an epoch, in [0, 1].

    With clock `trial` this is epoch / epochs, t/T in the paper. With clock `rung` one whole schedule runs up to each
    rung, and another from the last rung to the end. The last epoch of each run is at 1, so that trials are compared at
    the end of a schedule, however few epochs lie between two rungs.

    Args:
        epoch: 0-based, below `epochs`.
        epochs: of the whole training.
        clock: `schedule.clock`.
        rungs: finished epochs at which trials are compared.

    Raises:
        ValueError: the training has no such epoch.
    """
    if not 0 <= epoch < epochs:
        raise ValueError(f"epoch must be in [0, {epochs}), got {epoch}")
    if clock == "trial":
        return epoch / epochs
    bounds = sorted({0, *(rung for rung in rungs if 0 < rung < epochs), epochs})
    after = bisect_right(bounds, epoch)
    first, last = bounds[after - 1], bounds[after] - 1
    return (epoch - first) / (last - first) if last > first else 1.0


def has_faded_out(schedule: Schedule, finished: int, epochs: int, rungs: Sequence[int]) -> bool:
    """Whether a training has come to the end of its schedule, but for 5 % of the way, after so many epochs.

    A shape that does not fall has no way to go.

    Args:
        schedule: of the training.
        finished: epochs, at least 1.
        epochs: of the whole training.
        rungs: finished epochs at which trials are compared.
    """

    def left(epoch: int) -> float:
        return fade(schedule, progress(epoch, epochs, schedule.clock, rungs))

    first, last = left(0), left(epochs - 1)
    return left(finished - 1) - last <= FADED_OUT * (first - last) + ROUNDING


def falling(remaining: Shape) -> Shape:
    """Decorate what remains of the way at each position, 1 at position 0 and 0 at 1: the shape from start to end."""

    @wraps(remaining)
    def shape(schedule: Schedule, position: float) -> float:
        share = remaining(schedule, position)
        g = schedule.start * share + schedule.end * (1 - share)
        return min(max(g, schedule.end), schedule.start)

    return shape


@falling
def step(schedule: Schedule, position: float) -> float:
    """`steps` stairs of equal length and height (Vargas-Ibarra et al. 2025)."""
    return _staircase((1.0,) * (schedule.steps - 1), position)


@falling
def linear(schedule: Schedule, position: float) -> float:
    """A straight line."""
    return 1 - position


@falling
def cosine(schedule: Schedule, position: float) -> float:
    """Half a period of a cosine: slow at both ends."""
    return (1 + math.cos(math.pi * position)) / 2


@falling
def exponential(schedule: Schedule, position: float) -> float:
    """exp(-rate · position), shifted and scaled to be 1 at position 0 and 0 at 1."""
    return math.expm1(EXPONENTIAL_RATE * (1 - position)) / math.expm1(EXPONENTIAL_RATE)


@falling
def polynomial(schedule: Schedule, position: float) -> float:
    """(1 - position)^exponent."""
    return float((1 - position) ** schedule.exponent)


@falling
def sigmoid(schedule: Schedule, position: float) -> float:
    """The logistic function around the middle, scaled to be 1 at position 0 and 0 at 1."""
    half = schedule.steepness / 2
    return (1 - math.tanh(half * (position - 0.5)) / math.tanh(half * 0.5)) / 2


@falling
def free(schedule: Schedule, position: float) -> float:
    """Stairs of equal length with the relative heights `drops`."""
    return _staircase(schedule.drops, position)


def abrupt(schedule: Schedule, position: float) -> float:
    """0 throughout: a dropped modality is gone at once (ModDrop)."""
    return 0.0


def none(schedule: Schedule, position: float) -> float:
    """1 throughout: a dropped modality keeps its full strength, but for the noise."""
    return 1.0


def _staircase(drops: Sequence[float], position: float) -> float:
    """What remains on a staircase of len(drops) + 1 stairs of equal length; the drops are relative heights."""
    stair = min(int(position * (len(drops) + 1) + ROUNDING), len(drops))
    fallen = (0.0, *accumulate(drops))
    return 1 - fallen[stair] / fallen[-1]
