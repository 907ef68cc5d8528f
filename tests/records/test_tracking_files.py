"""The order of ended trials: lines that are only appended to, by processes that may be killed at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.errors import StudyError
from study.records import Finished, StudyFolder

FIRST = Finished(trial=3, state="complete", value=0.5, time_ms=10)
SECOND = Finished(trial=1, state="failed", value=None, time_ms=20)


def written(tmp_path: Path, *events: Finished) -> StudyFolder:
    folder = StudyFolder(tmp_path, "s")
    folder.path.mkdir()
    folder.finished.append(events)
    return folder


def test_lines_are_read_in_the_order_in_which_they_were_appended(tmp_path: Path) -> None:
    assert StudyFolder(tmp_path, "s").finished.read() == []
    folder = written(tmp_path, FIRST)
    before = folder.finished.path.read_bytes()
    folder.finished.append([SECOND])
    assert folder.finished.read() == [FIRST, SECOND]
    assert folder.finished.path.read_bytes().startswith(before)


@pytest.mark.parametrize("whole", [(), (FIRST,)], ids=["first line", "later line"])
def test_a_line_that_was_only_begun_does_not_count_and_is_replaced(
    tmp_path: Path, whole: tuple[Finished, ...]
) -> None:
    folder = written(tmp_path, *whole)
    with folder.finished.path.open("ab") as file:
        file.write(b'{"trial":1,"sta')
    assert folder.finished.read() == list(whole)
    folder.finished.append([SECOND])
    assert folder.finished.read() == [*whole, SECOND]


@pytest.mark.parametrize(
    ("line", "what"), [(b"no", "is not JSON"), (b"\xff\xfe", "is not JSON"), (b'{"trial":"x"}', "trial")]
)
def test_a_damaged_line_is_named(tmp_path: Path, line: bytes, what: str) -> None:
    folder = written(tmp_path, FIRST)
    with folder.finished.path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(StudyError, match=rf"finished\.jsonl: damaged \(line 2: .*{what}"):
        folder.finished.read()
