"""A rule without training leaves as a bundle like any network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.cohort.records import Subject
from study.deployment.predictor import load_bundle
from study.evaluation.inference import predict_probability
from study.imaging.prepare import prepare_subject
from study.machine.runtime import Runtime
from study.workflow.export import export_bundle
from study.workflow.protocol import imaging_protocol

RULE = {
    "model": {"name": "threshold", "rule": {"contrast": 1.0, "adc": 0.9}},
    "trainer": {"epochs": 1},
    "imaging": {"normalisation": "units"},
}
CPU = Runtime.choose("cpu", "fp32")


@pytest.mark.parametrize("given", [("DWI", "ADC", "B0"), ("DWI", "B0"), ("ADC",)])
def test_a_bundle_predicts_by_the_rule(
    make_study: Callable, scan: Callable, tmp_path: Path, given: tuple[str, ...]
) -> None:
    study = make_study(tmp_path / "study", RULE, (9, 16, 16))
    export_bundle(study.folder, tmp_path / "bundle")
    images = {name: path for name, path in scan(tmp_path, "s", 1).items() if name in given}
    prediction = load_bundle(tmp_path / "bundle", "cpu").predict(images)
    subject = Subject("s", "s", "CHSF", "CHSF-0001", images, {})
    prepared = prepare_subject(subject, imaging_protocol(study.config), (4.0, 2.5, 2.5))
    probability = predict_probability(
        study.network, prepared.windows, prepared.present, study.plan.patch_size, 0.5, 4, CPU
    )
    np.testing.assert_allclose(prediction.probability, prepared.to_native(probability), atol=1e-6)
    assert prediction.mask.any()
    assert prediction.absent == tuple(name for name in ("DWI", "ADC", "B0") if name not in given)
