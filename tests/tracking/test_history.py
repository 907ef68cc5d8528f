"""The order in which trials ended, while clocks jump."""

from __future__ import annotations

import os
from pathlib import Path

from studies import complete, pruned

from study.records import StudyFolder
from study.tracking.history import History

YEAR_S = 365 * 86400


def end(folder: StudyFolder, number: int, value: float, at_s: float) -> None:
    """A trial ends, and its host's clock shows this time."""
    trial = folder.trial(number)
    trial.result.write(complete(number, value))
    os.utime(trial.result.path, (at_s, at_s))


def order(history: History) -> list[int]:
    return [event.trial for event in history.finished]


def test_a_clock_that_jumps_changes_no_order(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    now = 1_700_000_000.0
    history = History(folder)
    for number, at_s in ((2, now), (0, now + YEAR_S), (1, now - YEAR_S)):
        end(folder, number, 0.5, at_s)
        history.update()
    assert order(history) == [2, 0, 1]
    assert order(History(folder)) == [2, 0, 1]
    assert folder.finished.read()[2].time_ms == (now - YEAR_S) * 1000


def test_ends_that_are_noticed_together_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    for number, at_s in ((0, 3e9), (1, 1e9), (2, 2e9)):
        end(folder, number, 0.5, at_s)
    history = History(folder)
    history.update()
    assert order(history) == [0, 1, 2]


def test_a_result_that_is_only_written_again_is_no_second_end(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    end(folder, 0, 0.5, 1e9)
    history = History(folder)
    history.update()
    end(folder, 0, 0.5, 2e9)
    history.update()
    assert order(history) == [0]
    folder.trial(0).result.write(pruned(0, 0.2))
    history.update()
    assert order(history) == [0, 0]
