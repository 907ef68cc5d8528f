"""The bundles that come with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.commandline.composition import compose
from study.config.section import SHIPPED_BUNDLES
from study.deployment.bundle import read_bundle
from study.deployment.shipped import located
from study.errors import BundleError
from study.workflow.lesion_model import find_lesion_model

LARGEST_BYTES = 5_000_000
MADE_BY = {"rule": "experiment=bundle_rule"}


@pytest.mark.parametrize("name", SHIPPED_BUNDLES)
def test_it_is_whole_and_small(name: str) -> None:
    folder = located(Path(name))
    contents = read_bundle(folder)
    assert contents.manifest.target == "lesion"
    assert contents.manifest.modalities == ("DWI", "ADC")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LARGEST_BYTES


@pytest.mark.parametrize("name", SHIPPED_BUNDLES)
def test_what_made_it_reads_no_patient(name: str) -> None:
    config = compose([MADE_BY[name], "study.name=made"])
    manifest = read_bundle(located(Path(name))).manifest
    assert config.cohort.sources == ("phantom",)
    assert manifest.model == config.model.name
    assert manifest.preparation.spacing_mm == config.imaging.spacing_mm
    assert manifest.preparation.channels == config.imaging.channels
    assert manifest.modalities == config.cohort.modalities


def test_the_card_of_the_rule_claims_no_training() -> None:
    card = read_bundle(located(Path("rule"))).card
    assert "A rule (threshold) that has nothing to learn" in card
    assert "trained" not in card.replace("trained or tested", "").split("## Availability subsets")[0]


def test_a_folder_of_the_same_name_is_not_mistaken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert located(Path("rule")).is_dir()
    (tmp_path / "rule").mkdir()
    with pytest.raises(BundleError, match="write the whole path of yours"):
        located(Path("rule"))
    assert located(tmp_path / "rule") == tmp_path / "rule"


def test_it_finds_the_lesions_of_a_thrombus_study() -> None:
    chosen = ["cohort=phantoms_thrombus", "lesion.source=model", "lesion.path=rule", "study.name=clots"]
    model = find_lesion_model(compose(chosen))
    assert model is not None
    assert model.modalities == ("DWI", "ADC")
