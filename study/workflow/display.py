"""A study that runs, as a terminal shows it. Imports rich when it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.errors import StudyError
from study.records import StudyFolder
from study.records.following import StatusReader
from study.records.status import RunningTrial, StudyStatus
from study.workflow.status_lines import COLUMNS, cells, counts, left, remarks, status_line

if TYPE_CHECKING:
    from rich.console import RenderableType

BAR = 40  # columns
EPOCH = 11  # columns, so that the table does not jump
KINDS = 3  # of failures at most; study.status lists all


class StudyView:
    """A `study.commandline.progress.View` of a study; it never raises, since the study must not stop for it.

    Args:
        folder: of the study.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder
        self._reader: StatusReader | None = None

    def line(self) -> str | None:
        """What runs, in one line."""
        status = self._read()
        return status if isinstance(status, str) else status_line(status)

    def drawn(self, height: int) -> RenderableType:
        """The whole status, as far as it fits."""
        status = self._read()
        return status if isinstance(status, str) else picture(status, height)

    def _read(self) -> StudyStatus | str:
        """The status, or why it cannot be read."""
        try:
            if self._reader is None:
                self._reader = StatusReader(self._folder)
            return self._reader.read()
        except (StudyError, OSError) as error:
            return f"the study's folder cannot be read: {error}"


def picture(status: StudyStatus, height: int) -> RenderableType:
    """A status for a terminal.

    Args:
        status: of a study.
        height: lines at most; running trials are left out where there are more, and then what stands below them.
    """
    from rich.console import Group
    from rich.text import Text

    few = status.model_copy(update={"failures": status.failures[:KINDS]})
    above = [Text(), _head(status), Text(counts(status), overflow="ellipsis", no_wrap=True)]
    below = [Text(line, overflow="ellipsis", no_wrap=True) for line in remarks(few)]
    room = height - len(above) - 1  # for the header of the table
    rows = min(len(status.running), max(1, room - len(below)))
    if rows < len(status.running) and rows > 1:
        rows -= 1
        below.insert(0, Text(f"and {len(status.running) - rows} more trials run", style="dim"))
    table = [_table(status.running[:rows])] if rows else []
    return Group(*above, *table, *below[: max(0, room - rows)])


def _head(status: StudyStatus) -> RenderableType:
    """The name, a bar of the trials that have ended, and the time left."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    head = Table.grid(padding=(0, 2, 0, 0))
    bar = ProgressBar(total=max(1, status.requested), completed=status.trials.ended, width=BAR)
    ended = f"{status.trials.ended} of {status.requested} trials ended"
    name = Text(f"study {status.study}", style="bold", overflow="ellipsis", no_wrap=True)
    head.add_row(name, bar, Text(ended, no_wrap=True), Text(left(status), no_wrap=True))
    return head


def _table(running: Sequence[RunningTrial]) -> RenderableType:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in COLUMNS:
        width = EPOCH if column == "epoch" else None
        table.add_column(column, justify="right", no_wrap=True, min_width=width)
    for trial in running:
        table.add_row(*cells(trial))
    return table
