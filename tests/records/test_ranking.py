"""The ranking of trials, and how often it reads them."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from builders import result_row
from pydantic import TypeAdapter
from studies import complete, failed, fit, prepared_study, pruned, write_study, write_trial

from study.config import validate
from study.errors import StudyError
from study.records import Ranking, StudyFolder, common_reason, complete_trial, find_winner
from study.records.files import RecordFile, _adapter_of
from study.workflow.report import final_report, summarise

SPACE = {"model": {"slices": {"type": "categorical", "choices": [10, 12], "in_turn": True}}}


def study(root: Path) -> StudyFolder:
    """Six trials of which three are complete with an objective: trial 3 is best, and the best of 10 slices is 0."""
    config = validate(
        {"study": {"name": "s", "root": str(root)}, "evaluation": {"bootstrap": 20}, "search_space": SPACE}
    )
    folder = write_study(config, prepared_study())
    results = [
        complete(0, 0.5), complete(1, math.nan), pruned(2, 0.9), complete(3, 0.7), failed(4), complete(5, 0.7)
    ]  # fmt: skip
    for result in results:
        slices = 10 if result.trial < 2 else 12
        write_trial(folder, result, searched={"model.slices": slices}, rows=[result_row(trial=result.trial)])
    folder.trial(6).parameters.write({"model.slices": 10})
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each record was read."""
    counted: Counter[str] = Counter()
    read = RecordFile.read

    def counting(self: RecordFile[Any]) -> Any:
        counted["/".join(self.path.parts[-2:])] += 1
        return read(self)

    monkeypatch.setattr(RecordFile, "read", counting)
    return counted


def test_trials_are_ranked_by_objective_and_then_by_number(tmp_path: Path) -> None:
    ranking = Ranking(study(tmp_path))
    assert ranking.states == {"complete": 4, "pruned": 1, "failed": 1}
    assert [trial.number for trial in ranking.complete] == [0, 1, 3, 5]
    assert ranking.winner.number == 3
    best = ranking.best(["model.slices"])
    assert {values: trial.number for values, trial in best.items()} == {(12,): 3, (10,): 0}
    assert ranking.searched_settings() == {"model.slices"}
    assert ranking.winning_rows()["trial"].to_list() == [3]


def test_a_report_reads_each_trial_once(tmp_path: Path, reads: Counter[str]) -> None:
    folder = study(tmp_path)
    config = folder.config.read()
    reads.clear()
    folder.summary.write(summarise(config, folder))
    summarised = dict(reads)
    assert {name: count for name, count in summarised.items() if "result" in name} == {
        f"{number:04d}/result.json": 1 for number in range(6)
    }
    assert max(summarised.values()) == 1
    reads.clear()
    assert "compared in turn (model.slices)" in final_report(config, folder)
    others = {name: count for name, count in reads.items() if not name.startswith("0003")}
    assert set(others) >= {"0000/result.json", "0005/parameters.json"}
    assert set(others.values()) == {1}  # the winner's are shown as well


def test_the_types_of_records_are_analysed_once_and_not_for_each_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study(tmp_path)
    analysed: list[Any] = []

    class Noted(TypeAdapter[Any]):
        def __init__(self, kind: Any) -> None:
            analysed.append(kind)
            super().__init__(kind)

    monkeypatch.setattr("study.records.files.TypeAdapter", Noted)
    _adapter_of.cache_clear()
    summarise(folder.config.read(), folder)
    assert dict[str, Any] in analysed
    assert len(analysed) == len(set(analysed)) < 5  # six results, seven files of parameters


def test_one_trial_is_looked_up_without_reading_the_others(tmp_path: Path, reads: Counter[str]) -> None:
    folder = study(tmp_path)
    folder.trial(5).weights.path.write_bytes(b"w")
    assert complete_trial(folder, 5).number == 5
    assert dict(reads) == {"0005/result.json": 1}
    for number in (2, 3, 9):  # pruned; without weights; not there
        with pytest.raises(StudyError, match=f"trial: {number} is not complete; complete are 0, 1, 3, 5"):
            complete_trial(folder, number)


def judged(root: Path, *results: Any, subjects: int = 2) -> Ranking:
    folder = write_study(validate({"study": {"name": "s", "root": str(root)}}), prepared_study())
    for result in results:
        write_trial(folder, result, rows=[result_row(trial=result.trial)], found=fit(subjects=subjects))
    return Ranking(folder)


@pytest.mark.parametrize(
    ("results", "subjects", "reason"),
    [
        ([], 2, "no trial is complete yet; resume the study with resume=true"),
        ([failed(0), pruned(1)], 2, "no trial is complete yet"),
        ([failed(0), failed(1)], 2, "every trial failed"),
        ([complete(0, math.nan)], 2, "the objective of no complete trial is defined"),
        ([complete(0, 0.0), complete(1, 0.0)], 2, "the highest objective is 0: no trial finds the target"),
        ([complete(0, 0.5), complete(1, 0.4)], 1, "all trials are judged by a single validation subject"),
    ],
)
def test_no_winner_is_named_where_none_can_be(
    tmp_path: Path, results: list[Any], subjects: int, reason: str
) -> None:
    ranking = judged(tmp_path, *results, subjects=subjects)
    assert ranking.no_winner is not None
    assert ranking.no_winner.startswith(reason)
    with pytest.raises(StudyError, match="no winner can be named, because"):
        find_winner(ranking.folder)
    with pytest.raises(StudyError, match="no winner can be named, because"):
        ranking.winning_rows()


def test_trials_are_offered_where_some_are_complete_and_no_winner_can_be_named(tmp_path: Path) -> None:
    ranking = judged(tmp_path, complete(0, 0.4), complete(1, 0.5), failed(2), subjects=1)
    with pytest.raises(StudyError, match=r"name a trial yourself by its number, best first: 1, 0$"):
        find_winner(ranking.folder)
    assert ranking.by_objective[0][0] == 0.5


def test_one_complete_trial_among_failed_ones_wins(tmp_path: Path) -> None:
    ranking = judged(tmp_path, failed(0), complete(1, 0.1))
    assert ranking.no_winner is None
    assert ranking.winner.number == 1


def test_the_common_reason_of_failures_leaves_numbers_aside() -> None:
    errors = ["the loss is nan in epoch 3", "out of memory", "the loss is nan in epoch 12"]
    assert common_reason(errors) == ("the loss is nan in epoch 3", 2)
