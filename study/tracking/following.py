"""Trackers: they follow a running study and send its numbers elsewhere."""

from __future__ import annotations

from typing import Protocol

from study.config import Config
from study.config.parts import find_part
from study.records import StudyFolder

__all__ = ["Tracker", "make_tracker"]


class Tracker(Protocol):
    """Sends a study while it runs; the driver has one. The study neither waits for it nor stops because of it.

    `tracking.tracker` names the function that makes one from the configuration and the study's folder. A tracker reads
    all content from the folder.
    """

    def begin(self) -> None:
        """Start sending; the folder holds the prepared study."""
        ...

    def trial_changed(self, number: int) -> None:
        """Note that a trial has a new epoch or a result; return at once."""
        ...

    def finish(self, timeout_s: float) -> bool:
        """Send what is left, for so many seconds at most; whether everything has been stored.

        An interrupt ends it at once. If something could not be sent, a message says how to send it later.
        """
        ...


class _Nothing:
    """The tracker with tracking.enabled=false."""

    def begin(self) -> None:
        """Do nothing."""

    def trial_changed(self, number: int) -> None:
        """Do nothing."""

    def finish(self, timeout_s: float) -> bool:
        """Do nothing; nothing is left to send."""
        return True


def make_tracker(config: Config, folder: StudyFolder) -> Tracker:
    """The tracker that `tracking.tracker` names; one that does nothing with tracking.enabled=false."""
    if not config.tracking.enabled:
        return _Nothing()
    tracker: Tracker = find_part("trackers", config.tracking.tracker)(config, folder)
    return tracker
