from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from studies import chains, complete, fit, pruned

from study.config import Config
from study.evaluation.metrics import METRICS, SUMMARIES
from study.evaluation.rows import ResultRow
from study.records import Finished, StudyFolder, Summary, TrialResult
from study.tracking.history import History
from study.tracking.records import RunRecord, study_record, trial_record
from study.tracking.results import metric_name

FIT_NUMBERS = (
    "crossfit_score",
    "fitted_score",
    "default_score",
    "gain",
    "gain_low",
    "gain_high",
    "within_noise",
    "subjects",
    "trials",
    "exhaustive",
    "tried",
)


def _ended(folder: StudyFolder) -> History:
    history = History(folder)
    history.update()
    return history


def _series(record: RunRecord, key: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in record.points if point.key == key]


def test_a_trial_holds_its_own_values_and_what_differs_from_the_defaults(
    config: Config, folder: StudyFolder
) -> None:
    record = trial_record(config, folder, 0, _ended(folder).of(0), running=True, name="trial")
    assert record.parameters == {
        "modality_dropout.drop_probability": "0.1",
        "cohort.sources": "manifest",
        "cohort.path": "(local path)",
        "evaluation.bootstrap": "50",
        "tuning.storage": "(local path)",
    }
    assert record.documents["config.json"]["schedule"]["shape"] == "step"
    assert record.state == "complete"
    assert record.tags["fadeout.device"] == "cpu"
    assert record.tags["fadeout.cohort_hash"] == "abc123"


def test_epochs_become_points_with_their_own_times(config: Config, folder: StudyFolder) -> None:
    record = trial_record(config, folder, 0, None, running=True, name="trial")
    assert record.state == "running"
    assert _series(record, "curves/train_loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3), (4, 0.25)]
    assert _series(record, "curves/dice_full") == [(2, 0.6), (4, 0.6)]
    assert record.points[0].time_ms == 1_700_000_001_000


def test_dice_on_test_subjects_is_a_metric_per_center_and_subset(config: Config, folder: StudyFolder) -> None:
    record = trial_record(config, folder, 0, _ended(folder).of(0), running=True, name="trial")
    found = {point.key: round(point.value, 4) for point in record.points if point.key.startswith("dice.")}
    assert found == {
        "dice.full": 0.63,
        "dice.missing": 0.63,
        "dice.seen.CHSF": 0.63,
        "dice.seen.CHSF.without_B0": 0.63,
        "dice.unseen.ISLES": 0.63,
    }
    assert {point.key for point in record.points if point.key.startswith("postprocessing")} == {
        *(f"postprocessing/{name}" for name in FIT_NUMBERS),
        "postprocessing/threshold",
        "postprocessing/remove_small.voxels",
        "postprocessing/remove_small.ml",
        "postprocessing/near_lesion.voxels",
        "postprocessing_missing/threshold",
    }
    assert set(record.pictures) == {"training_curves.png", "postprocessing.png", "overlays/ISLES.png"}
    (curve,) = record.documents["postprocessing.json"]["curves"]
    assert (curve["path"], curve["points"][1]) == ("postprocessing.threshold", [0.4, 0.5])


@pytest.mark.parametrize(("result", "drawn"), [(pruned(0, 0.61), False), (complete(0, 0.61), True)])
def test_a_pruned_trial_has_its_curves_as_metrics_alone(
    config: Config, folder: StudyFolder, result: TrialResult, drawn: bool
) -> None:
    folder.trial(0).result.write(result)
    record = trial_record(config, folder, 0, _ended(folder).of(0), running=True, name="trial")
    assert ("training_curves.png" in record.pictures) is drawn
    assert len(_series(record, "curves/train_loss")) == 4


def test_a_post_processing_that_is_applied_later_comes_after_the_first(
    config: Config, folder: StudyFolder
) -> None:
    fits = folder.trial(0).fits
    for threshold in (0.7, 0.3):
        number = fits.add(fit(fitted=chains(threshold)), {})
    fits.apply(number)
    record = trial_record(config, folder, 0, _ended(folder).of(0), running=False, name="trial")
    assert _series(record, "postprocessing/threshold") == [(4 + 2, 0.3)]
    assert _series(record, "postprocessing/crossfit_score") == [(4, 0.5)]


def test_the_study_says_how_far_it_is_and_how_good(config: Config, folder: StudyFolder) -> None:
    finished = [
        Finished(trial=trial, state=state, value=value, time_ms=time_ms)
        for trial, state, value, time_ms in (
            (2, "complete", 0.5, 10),
            (0, "pruned", 0.9, 20),
            (1, "failed", None, 30),
            (3, "complete", 0.4, 40),
            (1, "complete", 0.6, 50),
        )
    ]
    record = study_record(config, folder, finished, running=True)
    assert _series(record, "best_objective") == [(1, 0.5), (2, 0.5), (3, 0.5), (4, 0.5), (5, 0.6)]
    assert _series(record, "trials/complete") == [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3)]
    assert _series(record, "trials/failed") == [(1, 0), (2, 0), (3, 1), (4, 1), (5, 0)]


def test_the_winner_s_table_describes_the_study(config: Config, folder: StudyFolder) -> None:
    record = study_record(config, folder, _ended(folder).finished, running=False)
    assert record.tags["fadeout.winner"] == "0"
    assert "| ISLES | no | DWI+ADC | nothing | 3 | 0.630 (–) |" in record.tags["mlflow.note.content"]
    assert "Do not sort or choose trials by them" in record.tags["mlflow.note.content"]
    assert [table.name for table in record.tables] == ["cross_center", "averages", "removed", "metrics"]


def test_a_study_without_a_winner_says_why_and_has_no_table(config: Config, folder: StudyFolder) -> None:
    why = "the highest objective is 0"
    folder.summary.write(Summary(study="tiny", states={"complete": 1}, winner=None, no_winner=why))
    record = study_record(config, folder, _ended(folder).finished, running=False)
    assert record.tags["mlflow.note.content"] == "No winner can be named, because the highest objective is 0."
    assert "fadeout.winner" not in record.tags
    assert not record.tables


def test_all_metrics_with_all_modalities_are_metrics_and_their_table_is_kept(
    config: Config, folder: StudyFolder
) -> None:
    record = trial_record(config, folder, 0, _ended(folder).of(0), running=True, name="trial")
    found = {point.key: point.value for point in record.points if point.key.startswith("metrics/")}
    assert found["metrics/hd95_mm.seen"] == 3
    assert found["metrics/calibration_error.unseen"] == 0.002
    shown = {key.removeprefix("metrics/").rpartition(".")[0] for key in found}
    assert {*METRICS} < shown <= {*METRICS, *SUMMARIES}
    assert {key.rpartition(".")[2] for key in found} == {"seen", "unseen"}
    (table,) = [table for table in record.tables if table.name == "metrics"]
    assert "All metrics" in table.title
    assert "All metrics" not in record.tags["mlflow.note.content"]  # too long for a note


def test_a_table_by_occlusion_is_kept_and_its_means_are_metrics(
    config: Config, folder: StudyFolder, make_rows: Callable[[int, float], list[ResultRow]]
) -> None:
    known = [replace(row, occlusion="distal" if row.seen else "proximal") for row in make_rows(0, 0.6)]
    control = replace(
        known[0], split="control", subject="CHSF-0009", dice=1.0, detected=math.nan, false_positives=5
    )
    folder.trial(0).rows.write([*known, control])
    record = trial_record(config, folder, 0, _ended(folder).of(0), running=True, name="trial")
    found = {point.key: point.value for point in record.points}
    assert found["dice.seen.CHSF"] == pytest.approx(0.62)  # without the control scan
    assert found["occlusions/dice.seen.distal"] == pytest.approx(0.62)
    assert found["occlusions/dice.unseen.proximal"] == pytest.approx(0.62)
    assert found["occlusions/false_positives.seen.distal.without_B0"] == 1
    assert found["occlusions/false_positives.seen.control"] == 5
    assert "occlusions/dice.seen.control" not in found
    by_occlusion = {key.split("/")[1].split(".")[0] for key in found if key.startswith("occlusions/")}
    assert by_occlusion == {"dice", "detected", "false_positives", "false_negatives"}
    assert [table.name for table in record.tables] == ["cross_center", "averages", "occlusions", "metrics"]
    assert record.tables[2].frame()[["seen", "removed", "occlusion", "n"]].to_numpy().tolist() == [
        [True, "", "distal", 3],
        [True, "", "all", 3],
        [True, "", "control", 1],
        [True, "B0", "distal", 3],
        [True, "B0", "all", 3],
        [False, "", "proximal", 3],
        [False, "", "all", 3],
    ]
    note = study_record(config, folder, _ended(folder).finished, running=False).tags["mlflow.note.content"]
    assert "| false positives | yes | nothing | – | 1.00 (–) |" in note


def test_without_occlusions_there_is_no_such_table(config: Config, folder: StudyFolder) -> None:
    record = trial_record(config, folder, 0, _ended(folder).of(0), running=True, name="trial")
    assert [table.name for table in record.tables] == ["cross_center", "averages", "metrics"]
    assert "selection on test data" in record.tags["mlflow.note.content"]
    assert not [point for point in record.points if "occlusions" in point.key]


def test_a_study_that_stopped_too_early_is_not_called_complete(config: Config, folder: StudyFolder) -> None:
    finished = _ended(folder).finished
    assert study_record(config, folder, finished, running=False).state == "complete"
    folder.trial(2).path.mkdir()
    assert study_record(config, folder, finished, running=False).state == "interrupted"


def test_only_keys_and_sizes_leave_what_was_prepared(config: Config, folder: StudyFolder) -> None:
    record = study_record(config, folder, [], running=True)
    assert set(record.documents["splits.json"]) == {"train", "validation", "test", "unseen", "control"}
    assert set(record.documents["sizes.json"]) == {"spacing_mm", "median_shape"}


def test_the_order_of_ended_trials_is_kept_whatever_happens_to_file_times(folder: StudyFolder) -> None:
    os.utime(folder.trial(1).result.path, (1, 1))
    first = _ended(folder)
    assert [event.trial for event in first.finished] == [0, 1]
    os.utime(folder.trial(0).result.path, (0, 0))
    again = _ended(folder)
    assert (again.finished, again.study_id) == (first.finished, first.study_id)


def test_a_failed_trial_that_succeeds_later_is_a_new_event(folder: StudyFolder) -> None:
    before = _ended(folder)
    folder.trial(1).result.write(complete(1, 0.7))
    after = _ended(folder)
    assert after.finished[:2] == before.finished
    assert [(event.trial, event.state) for event in after.finished[2:]] == [(1, "complete")]


def test_a_value_that_is_no_number_is_noted_once(folder: StudyFolder) -> None:
    folder.trial(1).result.write(complete(1, math.nan))
    first = _ended(folder).finished
    assert [(event.trial, event.value) for event in first] == [(0, 0.61), (1, None)]
    assert _ended(folder).finished == first


def test_metric_names_hold_only_what_mlflow_takes() -> None:
    assert metric_name("dice.seen.Hôpital+2") == "dice.seen.Hôpital_2"


def test_a_checkout_names_its_commit_and_its_subfolders_do_not(tmp_path: Path) -> None:
    import subprocess

    from study.tracking.surroundings import git_commit

    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert git_commit(tmp_path) is None
    (tmp_path / "file").write_text("1")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    commit = git_commit(tmp_path)
    assert commit is not None
    assert len(commit) == 40
    (tmp_path / "file").write_text("2")
    assert git_commit(tmp_path) == f"{commit}-dirty"
    (tmp_path / "below").mkdir()
    assert git_commit(tmp_path / "below") is None


def test_the_report_is_an_artifact_of_a_study_that_has_ended(folder: StudyFolder, config: Config) -> None:
    folder.report.write(b"<html>")
    finished = _ended(folder).finished
    assert study_record(config, folder, finished, running=False).pages == {"report.html": b"<html>"}
    assert study_record(config, folder, finished, running=True).pages == {}
