"""Bundles of several networks, whose probabilities are averaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from models import build_model
from study.deployment.bundle import read_bundle, write_bundle
from study.deployment.manifest import Manifest, Network
from study.deployment.predictor import load_bundle
from study.errors import BundleError, ConfigError
from study.workflow.export import trial_contents
from study.workflow.starting import find_start

Scan = Callable[..., dict[str, Path]]


@pytest.fixture
def ensemble(tiny: Any, tmp_path: Path) -> tuple[Path, list[Path]]:
    """An ensemble in which the first of two networks counts twice, and the bundle of each alone."""
    contents = trial_contents(tiny.folder, 2)
    torch.manual_seed(8)
    other = save(build_model(tiny.config.model.name, tiny.plan).state_dict())
    manifest = contents.manifest
    second = Network(trial=0, count=1, model=manifest.model, network=manifest.network, head=manifest.head)
    both = manifest.model_copy(update={"count": 2, "others": (second,)})
    write_bundle(tmp_path / "both", both, contents.weights, contents.card, [other])
    for name, weights in (("one", contents.weights), ("other", other)):
        write_bundle(tmp_path / name, manifest, weights, contents.card)
    return tmp_path / "both", [tmp_path / "one", tmp_path / "other"]


def test_the_probability_is_the_weighted_mean_of_the_networks(
    ensemble: tuple[Path, list[Path]], scan: Scan, tmp_path: Path
) -> None:
    images = scan(tmp_path / "scans", "s", 1)
    both, alone = ensemble
    one, other = (load_bundle(path, "cpu").predict(images).probability for path in alone)
    found = load_bundle(both, "cpu").predict(images).probability
    assert np.abs(one - other).max() > 0.05
    np.testing.assert_allclose(found, (2 * one + other) / 3, atol=1e-6)


def test_its_name_tells_the_trials_and_a_zip_holds_the_same(
    ensemble: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    contents = read_bundle(ensemble[0])
    assert contents.manifest.name == "ensemble of trials 2 and 0"
    write_bundle(tmp_path / "b.zip", contents.manifest, contents.weights, contents.card, contents.more)
    packed = read_bundle(tmp_path / "b.zip")
    assert (packed.weights, packed.more) == (contents.weights, contents.more)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: path.unlink(), r"there is no model-2\.safetensors in it"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:-4] + b"harm"),
            r"model-2\.safetensors was changed",
        ),
        (lambda path: path.write_bytes(save({"a": torch.ones(2)})), r"model-2\.safetensors: "),
    ],
)
def test_a_network_that_is_missing_damaged_or_another_is_refused(
    ensemble: tuple[Path, list[Path]], harm: Callable[[Path], object], message: str
) -> None:
    harm(ensemble[0] / "model-2.safetensors")
    with pytest.raises(BundleError, match=message):
        read_bundle(ensemble[0])


def test_networks_have_a_number(ensemble: tuple[Path, list[Path]]) -> None:
    content = read_bundle(ensemble[0]).manifest.model_dump(mode="json")
    with pytest.raises(ValueError, match="others"):
        Manifest.model_validate({**content, "others": content["others"] * 50})


def test_a_training_starts_from_one_network_alone(ensemble: tuple[Path, list[Path]], tiny: Any) -> None:
    config = tiny.config.with_values({"transfer.source": str(ensemble[0])})
    with pytest.raises(
        ConfigError, match=r"is an ensemble of trials 2 and 0, and a network starts from one alone"
    ):
        find_start(config)
