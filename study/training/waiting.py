"""How long a training waits for fresh brains, and a word about it where it is long."""

from __future__ import annotations

import logging

from study.streaming.supply import Supply

NOTABLE = 0.1  # share of the time of a training
WORTH_A_WORD_S = 20.0  # a training that is younger may only have begun

logger = logging.getLogger(__name__)


class Waiting:
    """Counts the seconds of each epoch; warns once if they are a notable share of the time since the training began.

    Args:
        supply: of fresh brains; None for a training without, which never waits.
    """

    def __init__(self, supply: Supply | None) -> None:
        self._supply = supply
        self._before_s = self._trained_s = 0.0
        self._told = False

    def end_epoch(self, seconds: float) -> float:
        """How long this process has waited in an epoch that took so many seconds."""
        if self._supply is None:
            return 0.0
        waited_s = self._supply.waited_s - self._before_s
        self._before_s = self._supply.waited_s
        self._trained_s += seconds
        share = self._before_s / self._trained_s
        if not self._told and share > NOTABLE and self._trained_s > WORTH_A_WORD_S:
            self._told = True
            logger.warning(
                "the training has waited %.0f of %.0f s for fresh brains; more cohort.phantom.stream_processes "
                "or a larger cohort.phantom.stream_every would spare that",
                self._before_s,
                self._trained_s,
            )
        return waited_s
