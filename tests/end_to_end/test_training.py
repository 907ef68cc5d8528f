"""One training through the command, in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from study import evaluate, export, plan, predict, train
from study.commandline import run_command
from study.evaluation.chains import Chains
from study.evaluation.metrics import dice
from study.records import StudyFolder

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]


def train_study(arguments: list[str], tmp_path: Path, name: str) -> StudyFolder:
    run_command(train.main, [*arguments, f"study.name={name}"])
    return StudyFolder.find(tmp_path / "studies", name)


def test_rows_hold_each_center_with_all_it_has_and_with_the_droppable_modality_removed(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "rows")
    rows = folder.trial(0).rows.read()
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
    pd.testing.assert_frame_equal(first.trial(0).rows.read(), second.trial(0).rows.read())


def test_labels_of_test_subjects_change_no_choice(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    first = train_study(arguments(hospitals), tmp_path, "true-labels")
    splits = first.prepared.read().splits
    subjects = pd.read_csv(first.subjects.path).set_index("key")
    assert splits.test
    for key in (*splits.test, *splits.unseen):
        path = next(row["lesion"] for row in hospitals if row["subject"] == subjects.loc[key, "id"])
        image = nib.load(path)
        nib.save(nib.Nifti1Image(1 - np.asarray(image.dataobj), image.affine), path)
    second = train_study(arguments(hospitals), tmp_path, "false-labels")
    one, other = first.trial(0), second.trial(0)
    untimed = {"seconds": ..., "goals": {"train_s", "predict_s"}}
    assert one.result.read().model_dump(exclude=untimed) == other.result.read().model_dump(exclude=untimed)
    assert one.fits.own.read() == other.fits.own.read()
    assert one.weights.read() == other.weights.read()
    assert one.rows.read()["dice"].tolist() != other.rows.read()["dice"].tolist()


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


@pytest.mark.parametrize(
    "technique",
    [[], ["filler.kind=learned", "filler.cells=[1,2,2]"], ["head.kind=dynamic"], ["imputation.kind=physics"]],
)
def test_predicted_masks_have_the_dice_of_the_rows(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, technique: list[str]
) -> None:
    folder = train_study(arguments(hospitals, *technique), tmp_path, "same")
    compare_masks_with_rows(folder, folder.trial(0).rows.read(), hospitals, tmp_path)


def test_a_bundle_with_a_chain_for_missing_modalities_predicts_what_is_evaluated(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "chains")
    trial = folder.trial(0)
    found = trial.fits.own.read()
    assert trial.fits.chains == found.best
    assert {curve.path for curve in found.curves} == {
        "postprocessing.threshold",
        "postprocessing.remove_small.ml",
    }
    missing = {"steps": ["threshold", "grow", "fill_holes"], "threshold": 0.55, "grow": {"threshold": 0.45}}
    chains = Chains.model_validate({"full": {"threshold": 0.999}, "missing": missing})
    trial.fits.apply(trial.fits.add(found.model_copy(update={"fitted": chains, "gain": 1.0}), {}))
    run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=chains"])
    rows = trial.evaluation("own").read()
    compare_masks_with_rows(folder, rows, hospitals, tmp_path)
    full, rest = rows[rows["subset"] == "DWI+ADC+B0"], rows[rows["subset"] == "DWI+ADC"]
    assert (full["predicted_volume_ml"] == 0).all()
    assert (rest["predicted_volume_ml"] > 0).all()
    assert set(rest["removed"]) == {"", "B0"}  # never there, and taken away


def compare_masks_with_rows(folder: StudyFolder, rows: pd.DataFrame, hospitals: Rows, tmp_path: Path) -> None:
    """What the bundle predicts for the unseen center has the Dice of the rows."""
    where = [f"study.root={folder.path.parent}", f"study.name={folder.path.name}"]
    run_command(export.main, [*where, f"out={tmp_path / 'bundle.zip'}"])
    subjects = pd.read_csv(folder.subjects.path).set_index("key")
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
    first, second = (file.read() for file in (folder.trial(0).rows, folder.trial(0).evaluation("own")))
    pd.testing.assert_frame_equal(first, second)


def test_a_network_is_evaluated_in_the_precision_that_it_was_judged_in(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    half = ["trainer.precision=bf16", "trainer.device=cpu"]
    folder = train_study(arguments(hospitals, *half), tmp_path, "half")
    run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=half"])
    first, second = (file.read() for file in (folder.trial(0).rows, folder.trial(0).evaluation("own")))
    pd.testing.assert_frame_equal(first, second)


def test_a_gpu_that_is_asked_for_and_not_there_is_not_replaced_by_the_cpu(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train_study(arguments(hospitals), tmp_path, "asked")
    folder.config.write(folder.config.read().with_values({"trainer.device": "cuda"}))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=asked"])


def test_a_network_is_evaluated_on_a_cohort_that_the_study_did_not_have(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train_study(arguments(hospitals[:10], "cohort.unseen=[]"), tmp_path, "seen-only")
    given = arguments(hospitals[10:], name="elsewhere")
    cohort = [argument for argument in given if argument.startswith(("cohort=", "cohort.path="))]
    run_command(evaluate.main, [f"study.root={tmp_path / 'studies'}", "study.name=seen-only", *cohort])
    rows = folder.trial(0).evaluation("cohort").read()
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
