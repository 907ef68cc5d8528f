"""The ranking of trials, and how often it reads them."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from builders import result_row
from pydantic import TypeAdapter
from studies import complete, failed, prepared_study, pruned, write_study, write_trial

from study.config import validate
from study.errors import StudyError
from study.records import Ranking, StudyFolder, complete_trial
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
