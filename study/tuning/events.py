"""Trial updates for the rest of the driver, without making a training wait."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class TrialEvents:
    """Calls `on_trial(number)` after each report and each end of a trial, one call at a time.

    A training waits until Tune has taken its report, and the listener (tracking) may be slow or fail. It therefore runs
    in a thread of its own; updates of one trial that pile up become one call, and errors are logged.
    """

    def __init__(self, on_trial: Callable[[int], None]) -> None:
        self._on_trial = on_trial
        self._changed: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._listen, name="trial-events", daemon=True)
        self._thread.start()

    def changed(self, number: int) -> None:
        """Note that a trial's files changed."""
        self._changed.put(number)

    def close(self) -> None:
        """Return once every update so far has been passed on."""
        self._changed.put(None)
        self._thread.join()

    def _listen(self) -> None:
        closing = False
        while not closing:
            pending: dict[int, None] = {}
            closing = self._take(pending, self._changed.get())
            while not self._changed.empty():
                closing |= self._take(pending, self._changed.get())
            for number in pending:
                try:
                    self._on_trial(number)
                except Exception:
                    logger.exception("trial %d: passing on its results failed; the study continues", number)

    @staticmethod
    def _take(pending: dict[int, None], item: int | None) -> bool:
        if item is None:
            return True
        pending[item] = None
        return False
