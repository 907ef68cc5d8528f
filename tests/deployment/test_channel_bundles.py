"""A bundle whose network sees computed channels: what it says of them, and that it predicts as the study does."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.cohort.records import Subject
from study.config import Config, validate
from study.deployment.bundle import read_bundle
from study.deployment.manifest import from_text, to_text
from study.deployment.predictor import load_bundle
from study.errors import BundleError
from study.evaluation.inference import predict_probability
from study.imaging.prepare import prepare_subject
from study.machine.runtime import Runtime
from study.workflow.export import export_bundle
from study.workflow.lesion_model import UNIMPORTANT, find_lesion_model
from study.workflow.protocol import imaging_protocol

MODEL = {"model": {"patch_size": [8, 16, 16], "stages": 2, "base_channels": 4, "deep_supervision": False}}
CHANNELS = ["local_contrast", "exponential_adc", "left_right"]
SECTIONS = MODEL | {"imaging": {"channels": CHANNELS}, "imputation": {"b_value_s_mm2": 900.0}}
CPU = Runtime.choose("cpu", "fp32")


@pytest.fixture(scope="module")
def computing(make_study: Callable, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_study(tmp_path_factory.mktemp("study"), SECTIONS, (9, 16, 16))


@pytest.fixture(scope="module")
def bundle(computing: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "bundle"
    export_bundle(computing.folder, out)
    return out


def test_the_bundle_says_what_it_computes(computing: Any, bundle: Path, bundle_path: Path) -> None:
    contents = read_bundle(bundle)
    assert computing.plan.modalities == ("DWI", "ADC", "B0", *CHANNELS)
    assert contents.manifest.modalities == ("DWI", "ADC", "B0")
    preparation = contents.manifest.preparation
    assert (preparation.channels, preparation.channels_b_s_mm2) == (tuple(CHANNELS), 900)
    assert preparation.computing_b_s_mm2 is None
    assert (
        "local_contrast, exponential_adc, left_right, which are computed from the modalities" in contents.card
    )
    plain = read_bundle(bundle_path)
    assert (plain.manifest.preparation.channels, plain.manifest.preparation.channels_b_s_mm2) == ((), None)
    assert "It also sees" not in plain.card


@pytest.mark.parametrize("given", [("DWI", "ADC", "B0"), ("ADC", "DWI"), ("ADC",), ("B0",)])
def test_a_bundle_predicts_what_the_study_does(
    computing: Any, bundle: Path, scan: Callable, tmp_path: Path, given: tuple[str, ...]
) -> None:
    images = {name: path for name, path in scan(tmp_path, "s", 1).items() if name in given}
    subject = Subject("s", "s", "CHSF", "CHSF-0001", images, {})
    prepared = prepare_subject(subject, imaging_protocol(computing.config), (4.0, 2.5, 2.5))
    windows, flags = prepared.seen(prepared.present)
    assert flags[3:] == ("DWI" in given, "ADC" in given, "DWI" in given)
    patch = computing.plan.patch_size
    expected = prepared.to_native(predict_probability(computing.network, windows, flags, patch, 0.5, 4, CPU))
    assert np.ptp(expected) > 0.05
    found = load_bundle(bundle, "cpu").predict(images, implausible="warn")
    np.testing.assert_allclose(found.probability, expected, atol=1e-6)
    assert found.computed == ()


def changed(bundle: Path, tmp_path: Path, **preparation: Any) -> Path:
    """A copy of the bundle that says something else of its preparation."""
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    manifest = read_bundle(bundle).manifest
    changed = manifest.preparation.model_copy(update=preparation)
    (copy / "bundle.json").write_text(to_text(manifest.model_copy(update={"preparation": changed})))
    return copy


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        (("local_contrast",), "it takes 6 inputs, the bundle has 4"),
        ((), "it takes 6 inputs, the bundle has 3"),
        (("local_contrast", "local_contrast", "left_right"), "must name each channel once"),
        (("local_contrast", "of_a_stranger", "left_right"), "must be one of exponential_adc"),
    ],
)
def test_channels_that_are_not_those_of_the_network_are_refused(
    bundle: Path, tmp_path: Path, channels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(BundleError, match=message):
        read_bundle(changed(bundle, tmp_path, channels=channels))


def test_bundles_from_before_there_were_channels_are_read(bundle_path: Path) -> None:
    manifest = read_bundle(bundle_path).manifest
    content = json.loads(to_text(manifest.model_copy(update={"format_version": 5})))
    older = {name: value for name, value in content["preparation"].items() if "channels" not in name}
    assert len(older) == len(content["preparation"]) - 2
    del content["checksum"]
    content["preparation"] = older
    content["checksum"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    assert from_text(json.dumps(content).encode(), "here").preparation.channels == ()


def lesions_of(bundle: Path) -> Config:
    return validate(
        {
            "study": {"name": "thrombi"},
            "cohort": {"target": "thrombus"},
            "lesion": {"source": "model", "path": str(bundle)},
        }
    )


def test_a_lesion_model_without_channels_is_the_one_that_caches_were_filled_with_before(
    bundle: Path, bundle_path: Path
) -> None:
    """What it is known by must not have changed, or prepared subjects of studies of thrombi would not be found."""
    known, other = (find_lesion_model(lesions_of(path)) for path in (bundle_path, bundle))
    assert known is not None
    assert other is not None
    content = json.loads((bundle_path / "bundle.json").read_text())
    gone = {*UNIMPORTANT, "checksum"}
    settings = {name: value for name, value in content.items() if name not in gone}
    del settings["preparation"]["channels"], settings["preparation"]["channels_b_s_mm2"]
    text = json.dumps(settings, sort_keys=True).encode() + (bundle_path / "model.safetensors").read_bytes()
    assert known.identity == hashlib.sha256(text).hexdigest()
    assert other.identity != known.identity
