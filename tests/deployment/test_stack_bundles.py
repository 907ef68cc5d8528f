"""Bundles of networks that run over stacks of slices, with modalities in slices of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from study.cohort.records import Subject
from study.deployment.bundle import read_bundle
from study.deployment.predictor import load_bundle
from study.evaluation.inference import predict_probability
from study.imaging.prepare import prepare_subject
from study.machine.runtime import Runtime
from study.workflow.export import export_bundle
from study.workflow.protocol import imaging_protocol

Scan = Callable[..., dict[str, Path]]
STACKS = {
    "model": {"name": "lstm", "slices": 5, "attention": {"channels": 4}},
    "imaging": {"own_slices": ["DWI"], "in_plane_crop": [12, 14], "reference": "ADC"},
    "evaluation": {"blending": "mean_probability"},
}


@pytest.fixture(scope="module")
def stacks(make_study: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_study(tmp_path_factory.mktemp("stacks"), STACKS, (9, 12, 14))


def write_thick(images: dict[str, Path]) -> dict[str, Path]:
    """Every other slice of DWI, each standing for two."""
    image = nib.load(images["DWI"])
    affine = image.affine.copy()
    affine[:3, 2] *= 2
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[:, :, ::2], affine), images["DWI"])
    return images


@pytest.mark.parametrize("given", [("DWI", "ADC", "B0"), ("ADC", "B0"), ("DWI", "ADC")])
def test_a_bundle_cuts_the_stacks_of_the_study(
    stacks: Any, scan: Scan, tmp_path: Path, given: tuple[str, ...]
) -> None:
    export_bundle(stacks.folder, tmp_path / "bundle")
    images = {name: path for name, path in write_thick(scan(tmp_path, "s", 1)).items() if name in given}
    prepared = prepare_subject(
        Subject("s", "s", "CHSF", "CHSF-0001", images, {}), imaging_protocol(stacks.config), (4.0, 2.5, 2.5)
    )
    assert (prepared.own is not None) == ("DWI" in given)
    assert prepared.grid.shape[1:] == (12, 14)
    expected = prepared.to_native(
        predict_probability(
            stacks.network, prepared.windows, prepared.present, (5, 12, 14), 0.5, 4, Runtime.choose("cpu", "fp32"),
            blending="mean_probability",
        )
    )  # fmt: skip
    prediction = load_bundle(tmp_path / "bundle", "cpu").predict(images)
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(prediction.probability, expected, atol=1e-6)


def test_where_the_thick_slices_lie_changes_the_prediction(stacks: Any, scan: Scan, tmp_path: Path) -> None:
    """Resampled to the others' spacing they give another one: a bundle cannot do without the setting."""
    images = write_thick(scan(tmp_path, "s", 1))
    subject = Subject("s", "s", "CHSF", "CHSF-0001", images, {})
    other = stacks.config.with_values({"imaging.own_slices": []})
    one, two = (
        predict_probability(
            stacks.network,
            prepared.windows,
            prepared.present,
            (5, 12, 14),
            0.5,
            4,
            Runtime.choose("cpu", "fp32"),
        )
        for prepared in (
            prepare_subject(subject, imaging_protocol(config), (4.0, 2.5, 2.5))
            for config in (stacks.config, other)
        )
    )
    assert np.abs(one - two).max() > 1e-3


def test_a_bundle_of_a_convolutional_network_has_no_own_slices(
    tiny: Any, make_study: Callable[..., Any], scan: Scan, tmp_path: Path
) -> None:
    values = {"model": tiny.config.model.model_dump(), "imaging": STACKS["imaging"]}
    study = make_study(tmp_path / "study", values, (9, 16, 16))
    export_bundle(study.folder, tmp_path / "bundle")
    preparation = read_bundle(tmp_path / "bundle").manifest.preparation
    assert preparation.own_slices == ()
    assert preparation.in_plane_crop == (12, 14)
    assert load_bundle(tmp_path / "bundle", "cpu").predict(scan(tmp_path, "s", 1)).probability.any()


def test_a_scan_of_fewer_slices_than_a_stack_is_predicted(stacks: Any, scan: Scan, tmp_path: Path) -> None:
    """Training refuses it; a hospital's scan is padded with zeros."""
    export_bundle(stacks.folder, tmp_path / "bundle")
    images = scan(tmp_path, "s", 1)
    for path in images.values():
        image = nib.load(path)
        nib.save(image.slicer[:, :, 3:6], path)
    prediction = load_bundle(tmp_path / "bundle", "cpu").predict(images)
    assert prediction.probability.shape == nib.load(images["ADC"]).shape[::-1]
    assert prediction.probability.any()
