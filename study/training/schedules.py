"""What is left of a dropped modality at each moment of a training: g(t) of Vargas-Ibarra et al. 2025, eq. 2.

Every shape falls from `schedule.start` to `schedule.end` between `schedule.hold` and `schedule.finish`; only
`none` is always 1 and `abrupt` always 0. A new shape is one function and one line in `SCHEDULES`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Literal

from study.config import Schedule

__all__ = ["SCHEDULES", "fade", "progress"]

EXPONENTIAL_RATE = 5.0  # time constants between hold and finish
ROUNDING = 1e-9  # a quarter computed as 0.24999999999 is a quarter

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
    return SCHEDULES[schedule.shape](schedule, min(max(position, 0.0), 1.0))


def progress(epoch: int, epochs: int, clock: Literal["trial", "rung"], rungs: Sequence[int]) -> float:
    """How far an epoch lies in the schedule, in [0, 1].

    With clock `trial` it is epoch / epochs, t/T of the paper. With clock `rung` one whole schedule runs up to
    each rung, and one from the last rung to the end. The last epoch of each is at 1: trials are compared at
    the end of the schedule however few epochs lie between two rungs.

    Args:
        epoch: 0-based, below `epochs`.
        epochs: of the whole training.
        clock: `schedule.clock`.
        rungs: finished epochs at which trials are compared.

    Raises:
        ValueError: the epoch is none of the training's.
    """
    if not 0 <= epoch < epochs:
        raise ValueError(f"epoch must be in [0, {epochs}), got {epoch}")
    if clock == "trial":
        return epoch / epochs
    bounds = sorted({0, *(rung for rung in rungs if 0 < rung < epochs), epochs})
    after = bisect_right(bounds, epoch)
    first, last = bounds[after - 1], bounds[after] - 1
    return (epoch - first) / (last - first) if last > first else 1.0


def _falling(remaining: Shape) -> Shape:
    """A shape from start to end, given what remains of the way at each position (1 at 0, 0 at 1)."""

    def shape(schedule: Schedule, position: float) -> float:
        share = remaining(schedule, position)
        g = schedule.start * share + schedule.end * (1 - share)
        return min(max(g, schedule.end), schedule.start)

    return shape


def _staircase(drops: Sequence[float], position: float) -> float:
    """What remains on a staircase of len(drops) + 1 stairs of equal length; drops are relative heights."""
    stair = min(int(position * (len(drops) + 1) + ROUNDING), len(drops))
    fallen = (0.0, *accumulate(drops))
    return 1 - fallen[stair] / fallen[-1]


def _step(schedule: Schedule, position: float) -> float:
    return _staircase((1.0,) * (schedule.steps - 1), position)


def _linear(schedule: Schedule, position: float) -> float:
    return 1 - position


def _cosine(schedule: Schedule, position: float) -> float:
    return (1 + math.cos(math.pi * position)) / 2


def _exponential(schedule: Schedule, position: float) -> float:
    """exp(-rate · position), shifted and scaled to pass through 1 at 0 and 0 at 1."""
    return math.expm1(EXPONENTIAL_RATE * (1 - position)) / math.expm1(EXPONENTIAL_RATE)


def _polynomial(schedule: Schedule, position: float) -> float:
    return float((1 - position) ** schedule.exponent)


def _sigmoid(schedule: Schedule, position: float) -> float:
    """The logistic function around the middle, scaled to pass through 1 at 0 and 0 at 1."""
    half = schedule.steepness / 2
    return (1 - math.tanh(half * (position - 0.5)) / math.tanh(half * 0.5)) / 2


def _free(schedule: Schedule, position: float) -> float:
    return _staircase(schedule.drops, position)


def _abrupt(schedule: Schedule, position: float) -> float:
    return 0.0


def _none(schedule: Schedule, position: float) -> float:
    return 1.0


SCHEDULES: dict[str, Shape] = {
    "step": _falling(_step),
    "linear": _falling(_linear),
    "cosine": _falling(_cosine),
    "exponential": _falling(_exponential),
    "polynomial": _falling(_polynomial),
    "sigmoid": _falling(_sigmoid),
    "abrupt": _abrupt,
    "none": _none,
    "free": _falling(_free),
}
"""From a position between hold (0) and finish (1) to g, per `schedule.shape`."""
