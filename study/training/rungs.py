"""The rungs of ASHA: when successive halving compares trials (Li et al. 2020, MLSys, section 3.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from study.config import Schedule, Trainer, Tuning
from study.training.fading import has_faded_out


def rung_epochs(epochs: int, first_rung: float, reduction_factor: float, validate_every: int) -> list[int]:
    """The finished epochs at which trials are compared, ascending, all below `epochs`.

    The k-th rung lies at `first_rung * reduction_factor**k` of the epochs, rounded up to the next validation epoch.
    Where that would be the end of the training, the rung stays at its own epoch, which is then validated as well.

    Args:
        epochs: of a whole training.
        first_rung: fraction of the epochs before the first comparison, in (0, 1].
        reduction_factor: eta, above 1; one in eta trials continues.
        validate_every: epochs between validations.
    """
    rungs: list[int] = []
    fraction = first_rung
    while (rung := _ceil(fraction * epochs)) < epochs:
        validated = _ceil(rung / validate_every) * validate_every
        rungs.append(validated if validated < epochs else rung)
        fraction *= reduction_factor
    return sorted(set(rungs))


def study_rungs(trainer: Trainer, tuning: Tuning) -> tuple[int, ...]:
    """The rungs of a study's trials, as `rung_epochs` places them; none where trials are too short to compare."""
    return tuple(
        rung_epochs(trainer.epochs, tuning.first_rung, tuning.reduction_factor, trainer.validate_every)
    )


def comparable_rungs(
    schedule: Schedule, droppable: Sequence[str], epochs: int, rungs: Sequence[int]
) -> list[int]:
    """The rungs at which a trial has lived through its fade-out; all where nothing can be dropped."""
    return [rung for rung in rungs if not droppable or has_faded_out(schedule, rung, epochs, rungs)]


def _ceil(value: float) -> int:
    """Round up, ignoring the last bits of a product such as 0.07 * 100."""
    return math.ceil(round(value, 9))
