"""Bundles that mirror at test time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from study.cohort.records import Subject
from study.deployment.predictor import load_bundle
from study.evaluation.inference import predict_probability
from study.imaging.prepare import prepare_subject
from study.machine.runtime import Runtime
from study.workflow.export import export_bundle
from study.workflow.protocol import imaging_protocol

CPU = Runtime.choose("cpu", "fp32")
Scan = Callable[..., dict[str, Path]]


def test_a_bundle_mirrors_as_the_study_does(make_study: Any, scan: Scan, tmp_path: Path) -> None:
    model = {"patch_size": [8, 16, 16], "stages": 2, "base_channels": 4, "deep_supervision": False}
    mirror = ("left_right", "head_foot")
    study = make_study(tmp_path / "study", {"model": model, "evaluation": {"mirror": mirror}}, (9, 16, 16))
    export_bundle(study.folder, tmp_path / "bundle")
    images = scan(tmp_path, "s", 1)
    subject = Subject("s", "s", "CHSF", "CHSF-0001", images, {})
    prepared = prepare_subject(subject, imaging_protocol(study.config), (4.0, 2.5, 2.5))
    with_and_without = [
        prepared.to_native(
            predict_probability(
                study.network,
                prepared.windows,
                prepared.present,
                study.plan.patch_size,
                0.5,
                4,
                CPU,
                mirror=axes,
            )
        )
        for axes in (mirror, ())
    ]
    found = load_bundle(tmp_path / "bundle", "cpu").predict(images).probability
    np.testing.assert_allclose(found, with_and_without[0], atol=1e-6)
    assert np.abs(found - with_and_without[1]).max() > 1e-3
    assert "mirroring at test time: left_right, head_foot" in (tmp_path / "bundle/MODEL_CARD.md").read_text()
