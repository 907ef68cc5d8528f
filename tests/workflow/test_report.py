"""What a study says at its end, from rows on disk."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from builders import result_row
from studies import SPLITS, complete, failed, fit, prepared_study, write_study, write_trial

from study.config import Config, validate
from study.errors import AllFailedError, StudyError
from study.evaluation.rows import ResultRow
from study.records import StudyFolder, TrackingHistory
from study.workflow.export import export_bundle
from study.workflow.report import check_any_succeeded, final_report, summarise

ROW = result_row(center="MATAR", subject="MATAR-0001", subset="DWI+SWAN", dice=0.5, false_positives=2)


def ended(root: Path, rows: list[ResultRow], target: str) -> tuple[Config, StudyFolder]:
    """A study whose one trial is complete."""
    config = validate(
        {
            "study": {"name": "s", "root": str(root)},
            "cohort": {"target": target, "modalities": ["DWI", "SWAN"], "unseen": []},
            "modality_dropout": {"droppable": ["SWAN"]},
            "evaluation": {"bootstrap": 20},
        }
    )
    folder = write_study(config, prepared_study())
    write_trial(folder, complete(0, 0.5), rows=rows)
    folder.summary.write(summarise(config, folder))
    return config, folder


def test_the_report_tells_thrombi_by_occlusion_and_control_scans(tmp_path: Path) -> None:
    rows = [
        replace(ROW, occlusion="distal"),
        replace(
            ROW, subject="MATAR-0002", split="control", dice=0.0, detected=float("nan"), false_positives=3
        ),
    ]
    config, folder = ended(tmp_path, rows, "thrombus")
    said = final_report(config, folder)
    lines = [line.split() for line in said.splitlines()]
    assert ["seen", "removed", "distal", "all", "control"] in lines
    (false_positives,) = [line for line in said.splitlines() if line.startswith("false positives ")]
    shown = [cell.strip() for cell in false_positives.split("  ") if cell]
    assert shown == [
        "false positives", "yes", "nothing", "2.00 (–)", "2.00 (–)", "3.00 (–)"
    ]  # fmt: skip
    # The control scan is no test subject: it lowers no Dice.
    (center,) = [line for line in said.splitlines() if line.startswith("MATAR")]
    assert center.split()[4:6] == ["1", "0.500"]
    summary = summarise(config, folder)
    assert (summary.winner, summary.states) == (0, {"complete": 1})


def test_a_damaged_file_of_the_winner_is_named_and_does_not_hide_it(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, [ROW], "lesion")
    folder.trial(0).parameters.path.write_text("{")
    with pytest.raises(
        StudyError, match=r"0000/parameters\.json: damaged .*from what MLflow shows of the trial"
    ):
        summarise(config, folder)


def test_a_single_training_of_an_experiment_compares_nothing(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, [ROW], "thrombus")
    slices = {"model": {"slices": {"type": "categorical", "choices": [10, 12], "in_turn": True}}}
    experiment = config.with_values({"search_space": slices})
    assert final_report(experiment, folder) == final_report(config, folder)
    folder.trial(0).parameters.write({"model.slices": 12})
    assert "compared in turn (model.slices)" in final_report(experiment, folder)


@pytest.mark.parametrize(("target", "told"), [("lesion", False), ("thrombus", True)])
def test_where_no_occlusion_is_known_only_a_thrombus_has_the_table(
    tmp_path: Path, target: str, told: bool
) -> None:
    config, folder = ended(tmp_path, [ROW], target)
    assert ("By occlusion" in final_report(config, folder)) is told


def next_steps(config: Config, folder: StudyFolder) -> list[str]:
    return final_report(config, folder).partition("Next:\n")[2].splitlines()


def test_the_next_steps_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "my studies"
    config, folder = ended(root, [ROW], "lesion")
    folder.tracking.write(TrackingHistory(study_id="x", page="#/experiments/1?a=b&c=d", written_ms=0))
    monkeypatch.chdir(tmp_path)
    server, page, export, predict = (shlex.split(line) for line in next_steps(config, folder))
    assert server[0] == "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"
    assert server[2:5] == ["-m", "mlflow", "ui"]
    assert server[-1] == "sqlite:///my studies/s/mlflow.db"
    assert page[:3] == ["#", "open", "http://127.0.0.1:5000/#/experiments/1?a=b&c=d"]  # a comment, if pasted
    assert export[1:] == ["-m", "study.export", "study.name=s", "study.root=my studies", "out=s-bundle"]
    assert predict[1:] == [
        "-m", "study.predict", "bundle=s-bundle", "DWI=dwi.nii.gz", "SWAN=swan.nii.gz", "out=mask.nii.gz"
    ]  # fmt: skip


def test_a_default_root_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, folder = ended(tmp_path / "studies", [ROW], "lesion")
    monkeypatch.chdir(tmp_path)
    assert "study.root" not in "\n".join(next_steps(config, folder))


def test_mlflow_is_named_only_where_it_has_the_study(tmp_path: Path) -> None:
    """A single training sends nothing; a store on a server is looked at there."""
    config, folder = ended(tmp_path, [ROW], "lesion")
    assert " -m study.sync study.name=s " in next_steps(config, folder)[0]
    folder.tracking.write(TrackingHistory(study_id="x", written_ms=0))
    elsewhere = config.with_values({"tracking.uri": "http://mlflow.example.org:5000"})
    assert next_steps(elsewhere, folder)[0].strip() == "# open http://mlflow.example.org:5000 in a browser"
    other = config.with_values({"tracking.uri": "sqlite:////data/all.db"})
    assert next_steps(other, folder)[0].endswith(" --backend-store-uri sqlite:////data/all.db")
    off = config.with_values({"tracking.enabled": False})
    assert "-m mlflow" not in "\n".join(next_steps(off, folder))


def test_a_winner_that_finds_nothing_is_not_crowned_and_not_exported(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, [ROW], "lesion")
    folder.trial(0).result.write(complete(0, 0.0))
    folder.summary.write(summarise(config, folder))
    assert folder.summary.read().winner is None
    said = final_report(config, folder)
    assert "Winner" not in said
    assert (
        "No winner can be named, because the highest objective is 0: no trial finds the target in a validation "
        "subject.\nComplete trials, best first: 0 (0.000)\n"
    ) in said
    with pytest.raises(StudyError, match="no winner can be named, because the highest objective is 0"):
        export_bundle(folder, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_single_validation_subject_crowns_nobody_and_is_told_at_the_end(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, [ROW], "lesion")
    write_trial(folder, complete(0, 0.5), rows=[ROW], found=fit(subjects=1))
    folder.summary.write(summarise(config, folder))
    said = final_report(config, folder)
    assert "No winner can be named, because all trials are judged by a single validation subject." in said
    assert "Note: a single validation subject (CHSF-0005) judges all trials" in said
    with pytest.raises(StudyError, match="because all trials are judged by a single validation subject"):
        export_bundle(folder, tmp_path / "bundle")


def test_what_the_splits_cannot_show_is_told_beside_the_winner(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, [ROW], "lesion")
    assert "Note: no " not in final_report(config, folder)
    folder.prepared.write(prepared_study(replace(SPLITS, unseen=())))
    said = final_report(config, folder)
    assert "Winner: trial 0, objective 0.500" in said
    assert "Note: no subject of an unseen center" in said


def test_where_every_trial_failed_the_common_reason_is_the_error(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, [ROW], "lesion")
    check_any_succeeded(folder)
    for number in range(3):
        write_trial(folder, failed(number, f"TrainingError: the loss is nan in epoch {number}"))
    folder.summary.write(summarise(config, folder))
    assert "No winner can be named, because every trial failed." in final_report(config, folder)
    with pytest.raises(
        AllFailedError,
        match=r"all 3 trials failed, 3 of them with: TrainingError: the loss is nan in epoch 0; failed trials are not",
    ):
        check_any_succeeded(folder)
