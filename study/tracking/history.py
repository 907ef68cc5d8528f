"""The study's identity in any MLflow store, and the order in which its trials ended.

The identity is kept in `tracking.json` and the order in `finished.jsonl`, so that a second sending, to any store, is
the same to the millisecond. The order is that in which the ends were noticed, never that of a clock, which may jump;
ends that are noticed together (at the first sending of a study that ran without tracking) are in the order of the
trials' numbers.
"""

from __future__ import annotations

import hashlib
import math
import time
import uuid
from collections.abc import Container, Iterable, Sequence

from study.records import FailedTrial, Finished, StudyFolder, TrackingHistory, TrialFolder


class History:
    """What is known of a study's tracking; events are only ever appended."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        known = folder.tracking.read_if_there()
        self.study_id = known.study_id if known else uuid.uuid4().hex
        self.failure = known.failure if known else None
        self.sent = known.sent if known else 0
        self.page = known.page if known else None
        self.finished: list[Finished] = []
        self._last: dict[int, Finished] = {}
        self._order = hashlib.sha256()
        self._take(folder.finished.read())

    @property
    def order(self) -> str:
        """A digest of which trials ended how, in that order."""
        return self._order.copy().hexdigest()

    def update(self, trials: Iterable[TrialFolder] | None = None) -> None:
        """Look for trials that ended since the last time, and write them down.

        Args:
            trials: those that may have ended; None looks at all of the study.
        """
        changed = self._folder.trials() if trials is None else trials
        new = [event for trial in changed if (event := self._new_end(trial)) is not None]
        if not self._folder.tracking.exists:
            self._write()
        if new:
            new.sort(key=lambda event: event.trial)
            self._folder.finished.append(new)
            self._take(new)

    def of(self, trial: int) -> Finished | None:
        """How a trial ended, None while it has not."""
        return self._last.get(trial)

    def ended(self, trials: Container[int] = ()) -> int:
        """The number of trials that have ended, without these."""
        return sum(trial not in trials for trial in self._last)

    def record_sending(self, failure: str | None, sent: int, page: str | None) -> None:
        """Write down how the last sending went, if that is news.

        Args:
            failure: why it did not work; None if it did.
            sent: number of trials that ended and are in the store.
            page: of the study, below the address of MLflow's server; None if it has none yet.
        """
        if (failure, sent, page) != (self.failure, self.sent, self.page):
            self.failure, self.sent, self.page = failure, sent, page
            self._write()

    def _take(self, events: Sequence[Finished]) -> None:
        for event in events:
            self.finished.append(event)
            self._last[event.trial] = event
            self._order.update(f"{event.trial} {event.state}\n".encode())

    def of_replicate(self, trial: TrialFolder) -> Finished | None:
        """How a replicate ended, None while it has not; replicates are not in the order of trials."""
        written_ms = trial.result.written_ms
        return None if written_ms is None else _finished(trial, written_ms)

    def _new_end(self, trial: TrialFolder) -> Finished | None:
        """How a trial ended, if it was not known: a result that is only written again has another time."""
        known, written_ms = self.of(trial.number), trial.result.written_ms
        if written_ms is None or (known is not None and known.time_ms == written_ms):
            return None
        ended = _finished(trial, written_ms)
        if known is not None and (known.state, known.value) == (ended.state, ended.value):
            return None
        return ended

    def _write(self) -> None:
        self._folder.tracking.write(
            TrackingHistory(
                study_id=self.study_id,
                failure=self.failure,
                sent=self.sent,
                page=self.page,
                written_ms=int(time.time() * 1000),
            )
        )


def _finished(trial: TrialFolder, time_ms: int) -> Finished:
    result = trial.result.read()
    value = None if isinstance(result, FailedTrial) or not math.isfinite(result.value) else result.value
    return Finished(trial=trial.number, state=result.state, value=value, time_ms=time_ms)
