"""A series of studies through the command: each center left out once, interrupted and resumed as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from study import series
from study.errors import StudyError
from study.records import StudyFolder

Rows = list[dict[str, str]]
pytestmark = pytest.mark.slow
CENTERS = ("Abroad", "North", "South")


def test_each_center_is_left_out_once_and_what_has_ended_is_left_as_it_is(
    hospitals: Rows, arguments: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["tuning.scheduler=none", "search_space=none", "study.trials=1", "study.name=loco"]
    given = [one for one in arguments(hospitals, *settings) if not one.startswith("cohort.unseen=")]
    command = ["series=leave_one_center_out", *given]
    series.main(command)
    said = capsys.readouterr().out
    folders = {center: StudyFolder(tmp_path / "studies", f"loco-{center}") for center in CENTERS}
    for center, folder in folders.items():
        rows = folder.trial(0).rows.read()
        assert set(rows.loc[~rows["seen"], "center"]) == {center}
    assert "Dice of each study's winner on test subjects of the centers that it has not learnt from" in said
    assert "all studies" in said
    page = (tmp_path / "studies" / "loco.html").read_text()
    assert all(f"loco-{center}" in page for center in CENTERS)

    with pytest.raises(StudyError, match=r"loco-.* exist in .*resume=true"):
        series.main(command)
    folders["South"].summary.path.unlink()  # as if it had been killed before its end
    ended = {
        center: folder.summary.path.stat().st_mtime_ns
        for center, folder in folders.items()
        if center != "South"
    }
    series.main([*command, "resume=true"])
    assert capsys.readouterr().out.count("has ended before") == 2
    assert {center: folders[center].summary.path.stat().st_mtime_ns for center in ended} == ended
    assert folders["South"].summary.exists
