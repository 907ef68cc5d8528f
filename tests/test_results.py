import math
from pathlib import Path

import pytest

from study.errors import StudyError
from study.results import Row, StudyFolder, atomic, find_winner, read_rows, write_json, write_rows

ROW = Row(
    trial=3,
    split="test",
    center="A",
    seen=True,
    subject="A-0001",
    subset="DWI+ADC",
    removed="B0",
    dice=0.5,
    detected=1.0,
    lesion_f1=1.0,
    count_difference=0,
    volume_difference_ml=0.1,
    hd95_mm=math.nan,
    reference_volume_ml=1.0,
    predicted_volume_ml=1.1,
    occlusion="distal",
    substituted="SWAN=SWI",
    false_positives=2,
    false_positive_voxels=3.5,
    false_positive_ml=0.007,
    false_negatives=0,
    false_negative_voxels=0.0,
    false_negative_ml=0.0,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {("no", "key"): 1})
    with pytest.raises(FileNotFoundError), atomic(path):
        pass  # nothing was written
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]
    assert '"a": 1' in path.read_text()


def test_rows_survive_the_file(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", [ROW])
    write_rows(tmp_path / "b.parquet", [])
    table = read_rows(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert table.iloc[0]["subset"] == "DWI+ADC"
    assert math.isnan(table.iloc[0]["hd95_mm"])
    assert len(table) == 1


def test_a_study_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    write_json(StudyFolder(tmp_path, "first").config, {})
    with pytest.raises(StudyError, match=r"no study 'second'.*there: first"):
        StudyFolder.find(tmp_path, "second")


def test_trials_are_listed_by_number(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    for number in (10, 2):
        write_json(folder.trial(number).parameters, {})
    assert [trial.number for trial in folder.trials()] == [2, 10]
    assert folder.trial(2).read_result() is None


def test_the_winner_is_the_complete_trial_of_the_highest_objective_the_first_in_a_tie(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path, "s")
    with pytest.raises(StudyError, match="no trial is complete yet"):
        find_winner(folder)
    ends = [("complete", 0.5), ("pruned", 0.9), ("complete", 0.7), ("complete", 0.7), ("complete", math.nan)]
    for number, (state, value) in enumerate(ends):
        write_json(folder.trial(number).result, {"state": state, "value": value})
    write_json(folder.trial(7).parameters, {})
    assert find_winner(folder).number == 2
