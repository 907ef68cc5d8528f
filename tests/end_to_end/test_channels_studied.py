"""A training whose network sees computed channels, from the command to the mask of its bundle."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from study import evaluate, export, plan, predict, train
from study.commandline import run_command
from study.commandline.composition import compose
from study.evaluation.metrics import dice
from study.records import StudyFolder
from study.workflow.networks import apply_start, build_network
from study.workflow.opening import open_study
from study.workflow.preparation import prepare_study
from study.workflow.starting import find_start

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
CHANNELS = "imaging.channels=[local_contrast,exponential_adc,left_right]"


def trained(arguments: list[str], tmp_path: Path, name: str) -> StudyFolder:
    run_command(train.main, [*arguments, f"study.name={name}"])
    return StudyFolder.find(tmp_path / "studies", name)


def test_a_bundle_with_channels_has_the_dice_of_the_rows_and_so_has_evaluating_again(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (CHANNELS, "head.kind=dynamic", "modality_dropout.drop_probability=0.8", "schedule=paper")
    folder = trained(arguments(hospitals, *more), tmp_path, "computed")
    said = capsys.readouterr().out
    assert "exponential_adc: computed for 15 of 15 subjects" in said
    trial = folder.trial(0)
    rows = trial.rows.read()
    assert set(rows["subset"]) == {"DWI+ADC+B0", "DWI+ADC"}
    assert trial.weights.tensors()["network.encoder.0.0.0.weight"].shape[1] == 6
    where = [f"study.root={tmp_path / 'studies'}", "study.name=computed"]
    run_command(evaluate.main, where)
    again = trial.evaluation("own").read()
    pd.testing.assert_frame_equal(again.reset_index(drop=True), rows.reset_index(drop=True))
    run_command(export.main, [*where, f"out={tmp_path / 'bundle'}"])
    subjects = pd.read_csv(folder.subjects.path).set_index("key")
    for row in rows[rows["center"] != "South"].itertuples():
        files = next(one for one in hospitals if one["subject"] == subjects.loc[row.subject, "id"])
        images = [f"{name}={files[name]}" for name in row.subset.split("+")]
        out = tmp_path / "mask.nii.gz"
        run_command(predict.main, [f"bundle={tmp_path / 'bundle'}", *images, f"out={out}"])
        reference, mask = (np.asarray(nib.load(path).dataobj) for path in (files["lesion"], out))
        assert dice(reference, mask, "one") == pytest.approx(row.dice, abs=1e-4)


def test_what_b0_shows_changes_no_prediction_without_it(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    """Only test subjects have another B0, from which exponential_adc is computed where it is given."""
    first = trained(arguments(hospitals, CHANNELS), tmp_path, "true-b0")
    keys = first.prepared.read().splits.test
    subjects = pd.read_csv(first.subjects.path).set_index("key")
    for key in keys:
        path = next(row["B0"] for row in hospitals if row["subject"] == subjects.loc[key, "id"])
        image = nib.load(path)
        values = np.asarray(image.dataobj)
        rng = np.random.default_rng(len(path))
        nib.save(nib.Nifti1Image(values * rng.uniform(0.7, 1.3, values.shape), image.affine), path)
    second = trained(arguments(hospitals, CHANNELS), tmp_path, "other-b0")
    one, other = (folder.trial(0) for folder in (first, second))
    assert hashlib.sha256(one.weights.read()).digest() == hashlib.sha256(other.weights.read()).digest()
    rows, changed = (trial.rows.read().set_index(["subject", "subset"]) for trial in (one, other))
    tested = rows.loc[list(keys)].index
    without = [place for place in tested if place[1] == "DWI+ADC"]
    assert len(without) == len(keys)
    pd.testing.assert_frame_equal(rows.loc[without], changed.loc[without])
    whole = [place for place in tested if place[1] == "DWI+ADC+B0"]
    assert (
        rows.loc[whole]["predicted_volume_ml"].tolist() != changed.loc[whole]["predicted_volume_ml"].tolist()
    )


def test_a_source_that_the_cohort_lacks_is_told_before_anything_is_read(
    hospitals: Rows, arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    given = arguments(
        hospitals,
        CHANNELS,
        "cohort.modalities=[ADC,B0]",
        "modality_dropout.droppable=[B0]",
        "study.name=lacking",
    )
    with pytest.raises(SystemExit):
        run_command(train.main, given)
    assert (
        "local_contrast is computed from DWI, and DWI is not among cohort.modalities"
        in capsys.readouterr().err
    )


def test_the_plan_names_the_inputs(
    hospitals: Rows, arguments: Arguments, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(plan.main, arguments(hospitals, CHANNELS))
    assert (
        "inputs        DWI, ADC, B0, local_contrast, exponential_adc, left_right" in capsys.readouterr().out
    )


@pytest.mark.parametrize(("inputs", "width"), [("DWI+ADC", 5), ("ADC", 2), ("B0", 1)])
def test_an_independent_model_sees_the_channels_of_its_modalities(
    hospitals: Rows, arguments: Arguments, tmp_path: Path, inputs: str, width: int
) -> None:
    folder = trained(arguments(hospitals, CHANNELS, f"model.inputs={inputs}"), tmp_path, "alone")
    assert folder.trial(0).weights.tensors()["encoder.0.0.0.weight"].shape[1] == width
    assert set(folder.trial(0).rows.read()["subset"]) == {inputs}


def test_a_network_with_channels_starts_from_one_without(
    hospitals: Rows, arguments: Arguments, tmp_path: Path
) -> None:
    source = trained(arguments(hospitals), tmp_path, "plain")
    config = compose(arguments(hospitals, CHANNELS, f"transfer.source={source.path}", "study.name=more"))
    folder = StudyFolder(source.path.parent, "more")
    prepare_study(config, folder, find_start(config))
    plan, start = open_study(folder, config).plan, folder.start.read()
    assert start is not None
    network = build_network(config, plan)
    apply_start(start, network, config, plan)
    weight = network.state_dict()["encoder.0.0.0.weight"]
    assert torch.equal(weight[:, :3], source.trial(0).weights.tensors()["encoder.0.0.0.weight"])
    assert weight.shape[1] == 6
    assert not weight[:, 3:].any()
