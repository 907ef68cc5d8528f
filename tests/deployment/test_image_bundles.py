"""A bundle whose post-processing sees images makes the study's masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from studies import fit

from study.cohort.availability import Availability
from study.cohort.records import Subject
from study.config import Evaluation, Postprocessing
from study.deployment.predictor import load_bundle
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.imaging.prepare import prepare_subject
from study.machine.runtime import Runtime
from study.workflow.export import export_bundle
from study.workflow.protocol import imaging_protocol

MODEL = {"model": {"patch_size": [8, 16, 16], "stages": 2, "base_channels": 4, "deep_supervision": False}}
CPU = Runtime.choose("cpu", "fp32")
CHAIN = Postprocessing.model_validate(
    {
        "steps": ["threshold", "seeds", "intensity"],
        "threshold": 0.4,
        "seeds": {"threshold": 0.5, "bound": 0.85, "grow_threshold": 0.3, "grow_bound": 1.0},
        "intensity": {"modality": "DWI", "low": -0.4},
    }
)


@pytest.mark.parametrize("given", [("DWI", "ADC", "B0"), ("DWI", "B0"), ("ADC",)])
def test_a_bundle_shows_its_images_to_the_steps_as_the_study_does(
    make_study: Callable, scan: Callable, tmp_path: Path, given: tuple[str, ...]
) -> None:
    study = make_study(tmp_path / "study", MODEL, (9, 16, 16))
    study.folder.trials()[2].fits.own.write(fit(fitted=Chains(full=CHAIN)))
    export_bundle(study.folder, tmp_path / "bundle")
    images = {name: path for name, path in scan(tmp_path, "s", 1).items() if name in given}
    prediction = load_bundle(tmp_path / "bundle", "cpu").predict(images)
    subject = Subject("s", "s", "CHSF", "CHSF-0001", images, {})
    prepared = prepare_subject(subject, imaging_protocol(study.config), (4.0, 2.5, 2.5))
    modalities = ("DWI", "ADC", "B0")
    judge = Judge(modalities, (), Evaluation(), study.plan.patch_size, CPU)
    (predicted,) = judge.predictions(study.network, [prepared])
    assert predicted.availability == Availability(modalities, given)
    native = prepared.to_native(predicted.probability)
    mask = judge.mask(prepared, predicted.availability, native, Chains(full=CHAIN))
    np.testing.assert_array_equal(prediction.mask, mask)
    threshold_alone = native >= np.float32(0.4)
    assert mask.any()
    assert np.array_equal(mask, threshold_alone) == ("ADC" not in given)
