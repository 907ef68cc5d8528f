"""The study's identity in any MLflow store, and the order in which its trials ended.

Both lie in `tracking.json` of the study's folder, so that whatever is sent again, to whichever store, is the
same to the millisecond.
"""

from __future__ import annotations

import math
import time
import uuid
from dataclasses import asdict, dataclass

from study.results import StudyFolder, read_json, write_json


@dataclass(frozen=True)
class Finished:
    """A trial that ended."""

    trial: int
    state: str
    value: float | None
    time_ms: int


class History:
    """What `tracking.json` holds; only ever appended to."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._path = folder.path / "tracking.json"
        content = read_json(self._path) if self._path.is_file() else {}
        self.study_id: str = content.get("study_id", uuid.uuid4().hex)
        self.finished = [Finished(**event) for event in content.get("finished", [])]
        self.failure: str | None = content.get("failure")

    def update(self) -> None:
        """Look for trials that ended since the last time, and write them down."""
        known = {event.trial: event for event in self.finished}
        new = []
        for trial in self._folder.trials():
            result = trial.read_result()
            before = known.get(trial.number)
            if result is None:
                continue
            state, value = str(result["state"]), result.get("value")
            value = None if value is None or not math.isfinite(value) else float(value)
            if before is None or (before.state, before.value) != (state, value):
                new.append(Finished(trial.number, state, value, int(trial.result.stat().st_mtime * 1000)))
        self.finished += sorted(new, key=lambda event: (event.time_ms, event.trial))
        if new or not self._path.is_file():
            self._write()

    def of(self, trial: int) -> Finished | None:
        """How a trial ended, None while it has not."""
        return next((event for event in reversed(self.finished) if event.trial == trial), None)

    def record_failure(self, reason: str | None) -> None:
        """Write down why the last sending did not work, None once it has."""
        if reason != self.failure:
            self.failure = reason
            self._write()

    def _write(self) -> None:
        content = {
            "study_id": self.study_id,
            "finished": [asdict(event) for event in self.finished],
            "failure": self.failure,
            "written_ms": int(time.time() * 1000),
        }
        write_json(self._path, content)
