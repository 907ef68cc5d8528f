"""When successive halving looks at a trial: the rungs of ASHA (Li et al. 2020, MLSys, section 3.1)."""

from __future__ import annotations

import math


def rung_epochs(epochs: int, first_rung: float, reduction_factor: float, validate_every: int) -> list[int]:
    """The finished epochs at which trials are compared, ascending, all below `epochs`.

    The k-th rung lies at `first_rung * reduction_factor**k` of the epochs, rounded up to the next validation
    epoch; where that would be the end of the training, it stays at its own epoch (training validates there).

    Args:
        epochs: of a whole training.
        first_rung: fraction of the epochs before the first comparison, in (0, 1].
        reduction_factor: eta, above 1; one in eta trials goes on.
        validate_every: epochs between validations.
    """
    rungs: list[int] = []
    fraction = first_rung
    while (rung := _ceil(fraction * epochs)) < epochs:
        validated = _ceil(rung / validate_every) * validate_every
        rungs.append(validated if validated < epochs else rung)
        fraction *= reduction_factor
    return sorted(set(rungs))


def _ceil(value: float) -> int:
    """Round up, but not for the last bits of a product such as 0.07 * 100."""
    return math.ceil(round(value, 9))
