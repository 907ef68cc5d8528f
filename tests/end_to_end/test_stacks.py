"""Stacks of slices, from scans to a trained network: DWI in slices of its own, crops in plane, pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.commandline.composition import compose
from study.deployment.predictor import load_bundle
from study.errors import ConfigError
from study.evaluation.inference import predict_probability
from study.machine.runtime import Runtime
from study.records import StudyFolder
from study.workflow.export import export_bundle
from study.workflow.networks import load_network
from study.workflow.opening import open_study
from study.workflow.preparation import prepare_study
from study.workflow.trial import run_trial

SMALL = [
    "cohort=phantoms_thrombus",
    "cohort.phantom.centers=[MATAR2,CHSF]",
    "cohort.phantom.subjects_per_center=5",
    "imaging.spacing_mm=[3,3,3]",
    "imaging.in_plane_crop=[64,64]",
    "model=upattllstm",
    "model.slices=8",
    "model.attention.patch_dwi=8",
    "model.attention.patch_swan=2",
    "model.attention.channels=8",
    "model.recurrent.multiplicity=1",
    "trainer=thrombus",
    "trainer.epochs=4",
    "trainer.iterations_per_epoch=4",
    "trainer.validate_every=4",
    "evaluation.postprocessing_trials=0",
    "evaluation.bootstrap=50",
]


@pytest.mark.slow
def test_a_recurrent_network_trains_on_stacks_and_its_bundle_predicts_them(tmp_path: Path) -> None:
    config = compose([*SMALL, f"study.root={tmp_path}", "study.name=stacks"])
    folder = StudyFolder(tmp_path, "stacks")
    prepare_study(config, folder)
    trial = folder.trial(0)
    trial.parameters.write({})
    run_trial(config, trial, lambda epoch: False)
    losses = [epoch.train_loss for epoch in trial.training.epochs.read()]
    assert losses[-1] < losses[0] / 2
    assert set(trial.rows.read()["subset"]) == {"DWI+SWAN+PHASE", "DWI+SWAN"}
    assert math.isfinite(trial.fits.own.read().value)

    data = open_study(folder, config)
    prepared = data.subjects[data.splits.test[0]]
    assert prepared.own is not None
    assert prepared.own.grid.spacing_mm[0] > 4  # DWI; SWAN has 3 mm here
    network = load_network(config, data.plan, trial)
    expected = prepared.to_native(
        predict_probability(
            network, prepared.windows, prepared.present, data.plan.patch_size, 0.5, 4, Runtime.choose("cpu", "fp32"),
            blending="mean_probability",
        )
    )  # fmt: skip
    export_bundle(folder, tmp_path / "bundle", 0)
    from study.cohort import load_cohort

    subject = load_cohort(config.cohort, config.phantom_root)[prepared.key]
    images = {name: subject.images[name] for name in config.cohort.modalities}
    prediction = load_bundle(tmp_path / "bundle", "cpu").predict(images, brain=subject.masks["brain"])
    np.testing.assert_allclose(prediction.probability, expected, atol=1e-5)


def test_target_outside_of_the_crop_is_told(
    hospitals: list[dict[str, str]], arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    config = compose([*arguments(hospitals), "imaging.in_plane_crop=[4,4]", "study.name=told"])
    lines = prepare_study(config, StudyFolder(tmp_path / "studies", "told"))
    data = open_study(StudyFolder(tmp_path / "studies", "told"), config)
    lost = [one.outside_ml for one in data.subjects.values()]
    assert min(lost) >= 0
    told = f"lesion outside of the imaging.in_plane_crop, neither trained on nor found: {sum(lost):.3g} mL"
    assert any(f"{told} in {np.count_nonzero(lost)} of 15 subjects" in line for line in lines)
    whole = prepare_study(
        compose([*arguments(hospitals), "study.name=whole"]), StudyFolder(tmp_path / "studies", "whole")
    )
    assert not any("outside" in line for line in whole)


def test_a_subject_with_fewer_slices_than_a_stack_is_refused_before_the_training(
    hospitals: list[dict[str, str]], arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    """The median subject has enough of them."""
    import nibabel as nib

    for name in ("DWI", "ADC", "B0", "lesion"):
        image = nib.load(hospitals[0][name])
        nib.save(image.slicer[:, :, 4:8], hospitals[0][name])
    given = arguments(hospitals, "model=llstm", "model.slices=6", "model.patch_size=null", "study.name=short")
    with pytest.raises(
        ConfigError, match=r"model\.slices: 6, but 1 of 15 subjects have fewer slices .*has 4"
    ):
        prepare_study(compose(given), StudyFolder(tmp_path / "studies", "short"))
    assert not (tmp_path / "studies" / "short").exists()
