"""One training through the command, in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from study import evaluate, export, plan, predict, train
from study.cli import run_command
from study.evaluation.metrics import dice
from study.results import StudyFolder, read_json, read_rows, write_json

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
CHOSEN = ("value", "postprocessing", "crossfit", "epochs", "state")


def train_study(arguments: list[str], tmp_path: Path, name: str) -> StudyFolder:
    run_command(train.main, [*arguments, f"study.name={name}"])
    return StudyFolder.find(tmp_path / "studies", name)


def test_rows_hold_each_center_with_all_it_has_and_with_the_droppable_modality_removed(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "rows")
    rows = read_rows(folder.trial(0).rows)
    found = set(rows[["center", "seen", "subset", "removed"]].itertuples(index=False, name=None))
    seen = {
        (center, True, *given)
        for center in ("North", "South")
        for given in (("DWI+ADC+B0", ""), ("DWI+ADC", "B0"))
    }
    assert found == seen | {("Abroad", False, "DWI+ADC", "")}
    assert set(rows["split"]) == {"test"}


def test_the_same_command_gives_the_same_rows(hospitals: Rows, arguments: Arguments, tmp_path: Path) -> None:
    first, second = (
        train_study(arguments(hospitals, "trainer.deterministic=true"), tmp_path, name)
        for name in ("one", "two")
    )
    pd.testing.assert_frame_equal(read_rows(first.trial(0).rows), read_rows(second.trial(0).rows))


def test_labels_of_test_subjects_change_no_choice(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    first = train_study(arguments(hospitals), tmp_path, "true-labels")
    splits = read_json(first.splits)
    subjects = pd.read_csv(first.subjects).set_index("key")
    for key in (*splits["test"], *splits["unseen"]):
        path = next(row["lesion"] for row in hospitals if row["subject"] == subjects.loc[key, "id"])
        image = nib.load(path)
        nib.save(nib.Nifti1Image(1 - np.asarray(image.dataobj), image.affine), path)
    second = train_study(arguments(hospitals), tmp_path, "false-labels")
    one, other = (folder.trial(0).read_result() or {} for folder in (first, second))
    assert {key: one[key] for key in CHOSEN} == {key: other[key] for key in CHOSEN}
    assert (first.trial(0).weights).read_bytes() == (second.trial(0).weights).read_bytes()
    assert one["scores"] != other["scores"]


def test_a_bundle_needs_nothing_of_its_study_and_writes_on_the_inputs_grid(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "bundled")
    run_command(
        export.main,
        [f"study.root={tmp_path / 'studies'}", "study.name=bundled", f"out={tmp_path / 'bundle'}"],
    )
    shutil.rmtree(folder.path)
    out = tmp_path / "mask.nii.gz"
    given = hospitals[-1]["DWI"]
    run_command(predict.main, [f"bundle={tmp_path / 'bundle'}", f"DWI={given}", f"out={out}"])
    mask, image = nib.load(out), nib.load(given)
    assert mask.shape == image.shape
    np.testing.assert_allclose(mask.affine, image.affine)
    assert set(np.unique(np.asarray(mask.dataobj))) <= {0, 1}


def test_predicted_masks_have_the_dice_of_the_rows(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "same")
    compare_masks_with_rows(folder, read_rows(folder.trial(0).rows), hospitals, tmp_path)


def test_a_bundle_with_a_chain_for_missing_modalities_predicts_what_is_evaluated(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "chains")
    trial = folder.trial(0)
    result = read_json(trial.result)
    fitted = read_json(trial.postprocessing)
    assert fitted["best"] == result["postprocessing"]
    assert set(fitted["curves"]) == {
        "postprocessing.threshold",
        "postprocessing.remove_small.ml",
    }
    missing = {"steps": ["threshold", "grow", "fill_holes"], "threshold": 0.55, "grow": {"threshold": 0.45}}
    chains = {"full": {"threshold": 0.999}, "missing": missing}
    write_json(trial.result, result | {"postprocessing": chains})
    run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=chains"])
    rows = read_rows(trial.path / "evaluation-own.parquet")
    compare_masks_with_rows(folder, rows, hospitals, tmp_path)
    full, rest = rows[rows["subset"] == "DWI+ADC+B0"], rows[rows["subset"] == "DWI+ADC"]
    assert (full["predicted_volume_ml"] == 0).all()
    assert (rest["predicted_volume_ml"] > 0).all()
    assert set(rest["removed"]) == {"", "B0"}  # never there, and taken away


def compare_masks_with_rows(folder: StudyFolder, rows: pd.DataFrame, hospitals: Rows, tmp_path: Path) -> None:
    """What the bundle predicts for the unseen center has the Dice of the rows."""
    where = [f"study.root={folder.path.parent}", f"study.name={folder.path.name}"]
    run_command(export.main, [*where, f"out={tmp_path / 'bundle.zip'}"])
    subjects = pd.read_csv(folder.subjects).set_index("key")
    abroad = rows[rows["center"] == "Abroad"]
    assert len(abroad) == 5
    for row in abroad.itertuples():
        files = next(one for one in hospitals if one["subject"] == subjects.loc[row.subject, "id"])
        out = tmp_path / f"{row.subject}.nii.gz"
        images = [f"{name}={files[name]}" for name in ("DWI", "ADC")]
        run_command(predict.main, [f"bundle={tmp_path / 'bundle.zip'}", *images, f"out={out}"])
        reference, mask = (np.asarray(nib.load(path).dataobj) for path in (files["lesion"], out))
        assert dice(reference, mask, "one") == pytest.approx(row.dice, abs=1e-4)


def test_evaluating_again_gives_the_rows_of_the_trial(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "again")
    run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=again"])
    first, second = (
        read_rows(folder.trial(0).path / name) for name in ("rows.parquet", "evaluation-own.parquet")
    )
    pd.testing.assert_frame_equal(first, second)


def test_a_network_is_evaluated_on_a_cohort_that_the_study_did_not_have(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train_study(arguments(hospitals[:10], "cohort.unseen=[]"), tmp_path, "seen-only")
    given = arguments(hospitals[10:], name="elsewhere")
    cohort = [argument for argument in given if argument.startswith(("cohort=", "cohort.path="))]
    run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=seen-only", *cohort])
    rows = read_rows(folder.trial(0).path / "evaluation-cohort.parquet")
    assert set(rows[["center", "seen", "subset"]].itertuples(index=False, name=None)) == {
        ("Abroad", False, "DWI+ADC")
    }
    assert len(rows) == 5
    assert "Abroad" in capsys.readouterr().out


def test_the_plan_is_printed_without_making_a_study(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(plan.main, arguments(hospitals))
    said = capsys.readouterr().out
    assert "8 x 16 x 16" in said
    assert "4 x 3 x 3 mm" in said
    assert not list((tmp_path / "studies").glob("gradual*"))
