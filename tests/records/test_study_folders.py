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
from study.records import Replicate, StudyFolder, find_winner, replicates_of
from study.records.travelling import arriving, going_out


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


def test_replicates_lie_beside_the_trials_and_are_none(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    assert not folder.is_replicated
    folder.trial(3).parameters.write({"a": 1})
    again = folder.replicates.trial(0)
    again.replicate.write(Replicate(trial=3, seed=1))
    assert again.path == tmp_path / "s" / "replicates" / "0000"
    assert ([t.number for t in folder.trials()], [t.number for t in folder.replicates.trials()]) == ([3], [0])
    assert folder.is_replicated
    assert replicates_of(folder, 3) == []
    again.result.write(complete(0, 0.5))
    assert [one.number for one in replicates_of(folder, 3)] == [0]
    assert replicates_of(folder, 2) == []


def test_a_replicate_travels_like_a_trial(tmp_path: Path) -> None:
    again = StudyFolder(tmp_path / "driver", "s").replicates.trial(2)
    again.parameters.write({"study.seed": 5})
    again.training.save(b"state", [])
    away = StudyFolder(tmp_path / "worker", "s")
    receiver = arriving(away)
    for part in going_out(again):
        receiver.take(part)
    assert away.trial(2).searched() == {"study.seed": 5}
    assert away.trial(2).training.load() == b"state"


def test_what_a_killed_process_was_writing_is_removed_from_the_study_and_its_trials(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    folder.trial(0).result.write(complete(0, 0.5))
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    again = folder.replicates.trial(0)
    written = (
        folder.config.path,
        *(
            part
            for trial in (folder.trial(0), again)
            for part in (trial.rows.path, trial.kept.path / "X-1.npz")
        ),
    )
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary_path(path).touch()
        left = temporary_path(path).name.replace(f"-{os.getpid()}.", f"-{killed.pid}.")
        path.with_name(left).touch()
    folder.remove_leftovers()
    assert sorted(folder.path.rglob("*.tmp")) == sorted(temporary_path(path) for path in written)
    assert folder.trial(0).result.exists
