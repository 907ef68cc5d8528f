"""What a study says at its end, from rows on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from study.config import Config, Postprocessing, validate
from study.report import final_report, summarise
from study.results import Row, StudyFolder, write_json, write_rows

ROW = Row(
    trial=0, split="test", center="MATAR", seen=True, subject="MATAR-0001", subset="DWI+SWAN", removed="",
    dice=0.5, detected=1.0, lesion_f1=1.0, count_difference=0, volume_difference_ml=0.0, hd95_mm=1.0,
    reference_volume_ml=0.08, predicted_volume_ml=0.09, occlusion="", substituted="", false_positives=2,
    false_positive_voxels=7.0, false_positive_ml=0.01, false_negatives=0, false_negative_voxels=0.0,
    false_negative_ml=0.0,
)  # fmt: skip


def ended(root: Path, rows: list[Row], target: str) -> tuple[Config, StudyFolder]:
    """A study whose one trial is complete."""
    config = validate(
        {
            "study": {"name": "s", "root": str(root)},
            "cohort": {"target": target, "modalities": ["DWI", "SWAN"], "unseen": []},
            "modality_dropout": {"droppable": ["SWAN"]},
            "evaluation": {"bootstrap": 20},
        }
    )
    folder = StudyFolder(root, "s")
    trial = folder.trial(0)
    write_json(trial.parameters, {})
    write_rows(trial.rows, rows)
    fitted = {"full": Postprocessing().model_dump(), "missing": None}
    write_json(trial.result, {"state": "complete", "value": 0.5, "postprocessing": fitted, "scores": {}})
    write_json(folder.summary, summarise(config, folder))
    return config, folder


def test_the_report_and_the_summary_tell_thrombi_by_occlusion_and_control_scans(tmp_path: Path) -> None:
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
        "false positives", "yes", "nothing", "2.00 (2.00 to 2.00)", "2.00 (2.00 to 2.00)", "3.00 (3.00 to 3.00)"
    ]  # fmt: skip
    # The control scan is no test subject: it lowers no Dice.
    (center,) = [line for line in said.splitlines() if line.startswith("MATAR")]
    assert center.split()[4:6] == ["1", "0.500"]
    winner = summarise(config, folder)["winner"]
    assert [(line["occlusion"], line["n"]) for line in winner["occlusions"]] == [
        ("distal", 1), ("all", 1), ("control", 1)
    ]  # fmt: skip


def test_a_single_training_of_an_experiment_compares_nothing(tmp_path: Path) -> None:
    config, folder = ended(tmp_path, [ROW], "thrombus")
    slices = {"model": {"slices": {"type": "categorical", "choices": [10, 12], "in_turn": True}}}
    experiment = config.with_values({"search_space": slices})
    assert final_report(experiment, folder) == final_report(config, folder)
    write_json(folder.trial(0).parameters, {"model.slices": 12})
    assert "gone through in turn (model.slices)" in final_report(experiment, folder)


@pytest.mark.parametrize(("target", "told"), [("lesion", False), ("thrombus", True)])
def test_where_no_occlusion_is_known_only_a_thrombus_has_the_table(
    tmp_path: Path, target: str, told: bool
) -> None:
    config, folder = ended(tmp_path, [ROW], target)
    assert ("By occlusion" in final_report(config, folder)) is told
    assert ("occlusions" in summarise(config, folder)["winner"]) is told
