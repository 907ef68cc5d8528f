"""The identity of a study in tracking stores, and the order in which its trials ended."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pydantic import ValidationError

from study.machine.untrusted import read_limited
from study.records.files import Record, StoredFile, first_problem, refuse_link

LARGEST_FINISHED = 256 * 1024**2  # bytes; a million trials


class Finished(Record):
    """A trial that ended.

    Attributes:
        trial: number.
        state: complete, pruned or failed.
        value: the objective; None if it is not a number.
        time_ms: when the trial ended, in milliseconds since 1970.
    """

    trial: int
    state: str
    value: float | None
    time_ms: int


class FinishedFile(StoredFile):
    """JSON lines, one `Finished` per line in the order in which trials ended; it is only appended to.

    A line counts once its line break is written: what a killed process wrote of a line is ignored, and replaced by the
    next one.
    """

    def read(self) -> list[Finished]:
        """All lines, oldest first; empty if the file does not exist.

        Raises:
            StudyError: a line is damaged.
        """
        if not self.exists:
            return []
        with self.opened() as file:
            *lines, _ = read_limited(file, LARGEST_FINISHED).split(b"\n")
            return [self._finished(line, number) for number, line in enumerate(lines, 1)]

    def append(self, finished: Sequence[Finished]) -> None:
        """Add lines; the cost does not depend on how many there are."""
        refuse_link(self.path)
        with self.path.open("a+b") as file:
            file.truncate(self._whole_bytes())
            file.write(b"".join(event.model_dump_json().encode() + b"\n" for event in finished))
            file.flush()
            os.fsync(file.fileno())

    def _whole_bytes(self) -> int:
        """The length of the file without a line that was only begun."""
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            file.seek(max(size - 1, 0))
            if file.read(1) in (b"", b"\n"):
                return size
        return self.path.read_bytes().rfind(b"\n") + 1

    def _finished(self, line: bytes, number: int) -> Finished:
        try:
            return Finished.model_validate_json(line)
        except ValidationError as error:
            raise self.damaged(f"line {number}: {first_problem(Finished, error)}") from None


class TrackingHistory(Record):
    """The content of `tracking.json`.

    Attributes:
        study_id: identity of the study in every store.
        failure: why the last transfer failed; None after a successful one.
        sent: number of trials that ended and are in the store of the last transfer.
        page: of the study in that store, below the address of MLflow's server.
        written_ms: time of writing, in milliseconds since 1970.
    """

    study_id: str
    failure: str | None = None
    sent: int = 0
    page: str | None = None
    written_ms: int
