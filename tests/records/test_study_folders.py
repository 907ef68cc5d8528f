from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from studies import complete, prepared_study, pruned, write_study

from study.config import validate
from study.errors import StudyError
from study.machine.files import temporary_path
from study.records import StudyFolder, find_winner


def test_a_study_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    write_study(validate({"study": {"name": "first", "root": str(tmp_path)}}), prepared_study())
    assert StudyFolder.find(tmp_path, "first").path == tmp_path / "first"
    with pytest.raises(StudyError, match=r"no study 'second'.*there: first"):
        StudyFolder.find(tmp_path, "second")


def test_trials_are_listed_by_number(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    for number in (10, 2):
        folder.trial(number).parameters.write({})
    assert [trial.number for trial in folder.trials()] == [2, 10]
    assert folder.trial(2).result.read_if_there() is None


def test_the_winner_is_the_complete_trial_of_the_highest_objective_the_first_in_a_tie(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    with pytest.raises(StudyError, match="no trial is complete yet"):
        find_winner(folder)
    ends = [complete(0, 0.5), pruned(1, 0.9), complete(2, 0.7), complete(3, 0.7), complete(4, math.nan)]
    for result in ends:
        folder.trial(result.trial).result.write(result)
    folder.trial(7).parameters.write({})
    assert find_winner(folder).number == 2


def test_what_a_killed_process_was_writing_is_removed_from_the_study_and_its_trials(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    folder.trial(0).result.write(complete(0, 0.5))
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    written = (folder.config.path, folder.trial(0).rows.path, folder.trial(0).kept.path / "X-1.npz")
    for path in written:
        path.parent.mkdir(exist_ok=True)
        temporary_path(path).touch()
        left = temporary_path(path).name.replace(f"-{os.getpid()}.", f"-{killed.pid}.")
        path.with_name(left).touch()
    folder.remove_leftovers()
    assert sorted(folder.path.rglob("*.tmp")) == sorted(temporary_path(path) for path in written)
    assert folder.trial(0).result.exists
