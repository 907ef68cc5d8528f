from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from studies import chains, fit

from study.deployment.bundle import CARD, MANIFEST, WEIGHTS, build_network, read_bundle, write_bundle
from study.deployment.manifest import to_text
from study.errors import BundleError, StudyError
from study.records import StudyFolder
from study.workflow.export import export_bundle


@pytest.fixture
def bundle(bundle_path: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_path, tmp_path / "bundle"))


def test_a_bundle_holds_everything_and_nothing_else(bundle: Path, tiny: Any) -> None:
    assert {path.name for path in bundle.iterdir()} == {WEIGHTS, MANIFEST, CARD}
    manifest = read_bundle(bundle).manifest
    assert manifest.trial == 2
    assert manifest.modalities == ("DWI", "ADC", "B0")
    assert manifest.modality_aliases == {"B0": ("EPI", "T2star")}
    assert manifest.preparation.spacing_mm == (4.0, 2.5, 2.5)
    assert manifest.postprocessing.full.threshold == 0.45
    assert manifest.postprocessing.missing.steps == ("threshold", "grow")
    assert manifest.drop_probability == 0.25  # the trial's own, not the study's
    network = build_network(read_bundle(bundle))
    for name, tensor in tiny.network.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor)


def test_folder_and_zip_hold_the_same(bundle: Path, tiny: Any, tmp_path: Path) -> None:
    export_bundle(tiny.folder, tmp_path / "b.zip")
    packed, unpacked = read_bundle(tmp_path / "b.zip"), read_bundle(bundle)
    assert (packed.manifest, packed.weights, packed.card) == (
        unpacked.manifest,
        unpacked.weights,
        unpacked.card,
    )


def test_the_same_trial_gives_the_same_bytes(tiny: Any, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        export_bundle(tiny.folder, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_no_patient_and_no_path_is_in_a_bundle(bundle: Path, tiny: Any) -> None:
    private = ("patient-Jane-Roe", "ID-998877", "secretfolder", str(tiny.folder.path), "CHSF-0001")
    for path in bundle.iterdir():
        for word in private:
            assert word.encode() not in path.read_bytes(), f"{word} in {path.name}"


def test_the_model_card_tells_what_it_was_trained_and_tested_on(bundle: Path) -> None:
    card = (bundle / CARD).read_text()
    assert "| trained on | 1 | CHSF 1 |" in card
    assert "| tested on, unseen centers | 1 | ISLES 1 |" in card
    assert "| CHSF | yes | DWI+ADC+B0 | nothing | 1 | 0.600 (–) |" in card
    assert "Sources: phantom (simulated scans)." in card
    assert "not a medical device" in card
    assert "Where B0 is absent, EPI or T2star may be given in its place." in card
    assert (
        "For subjects with all modalities, in this order:\n\n1. voxels with a probability of at least 0.45"
        in card
    )
    assert "2. components below 0.05 mL are removed" in card
    assert (
        "For subjects without some, in this order:\n\n1. voxels with a probability of at least 0.6 " in card
    )
    assert "2. voxels with a probability of at least 0.4 that are connected to these are added" in card


def test_the_card_says_that_its_table_is_older_than_the_post_processing(tiny: Any, tmp_path: Path) -> None:
    root = Path(shutil.copytree(tiny.folder.path, tmp_path / "again"))
    folder = StudyFolder(root.parent, root.name)
    fits = folder.trial(2).fits
    fits.apply(fits.add(fit(fitted=chains(0.3)), {}))
    cards = {}
    for name, studied in (("before", tiny.folder), ("after", folder)):
        export_bundle(studied, tmp_path / name, 2)
        cards[name] = (tmp_path / name / CARD).read_text()
    assert "Measured before the post-processing was changed" in cards["after"]
    assert "Measured before" not in cards["before"]
    assert "a probability of at least 0.3 " in cards["after"]
    assert "0.45" not in cards["after"]


@pytest.mark.parametrize("name", [WEIGHTS, CARD])
def test_a_changed_file_is_noticed(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[-3] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} was changed"):
        read_bundle(bundle)


def test_a_changed_setting_is_noticed(bundle: Path) -> None:
    text = (bundle / MANIFEST).read_text()
    (bundle / MANIFEST).write_text(text.replace('"threshold": 0.45', '"threshold": 0.05'))
    with pytest.raises(BundleError, match=r"bundle\.json was changed"):
        read_bundle(bundle)


@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST, CARD])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"there is no {name}"):
        read_bundle(bundle)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "does not describe a fadeout-bundle"),
        ('{"format": "other"}', "does not describe a fadeout-bundle"),
        ('{"format": "fadeout-bundle", "format_version": 2}', "format version 2, this program reads 3 to 6"),
    ],
)
def test_other_content_is_refused(bundle: Path, text: str, message: str) -> None:
    (bundle / MANIFEST).write_text(text)
    with pytest.raises(BundleError, match=message):
        read_bundle(bundle)


def test_what_is_no_bundle_is_refused(tmp_path: Path, bundle: Path) -> None:
    with pytest.raises(BundleError, match="no such bundle"):
        read_bundle(tmp_path / "nothing")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(BundleError, match="not a zip file"):
        read_bundle(tmp_path / "text.zip")


def test_a_truncated_zip_is_refused(tiny: Any, tmp_path: Path) -> None:
    export_bundle(tiny.folder, tmp_path / "b.zip")
    content = (tmp_path / "b.zip").read_bytes()
    (tmp_path / "b.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match="not a zip file, or damaged"):
        read_bundle(tmp_path / "b.zip")


class _Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("trapped"),)


def test_a_pickle_in_place_of_the_weights_never_runs(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    contents = read_bundle(bundle)
    trap = pickle.dumps(_Trap())
    write_bundle(tmp_path / "trap", contents.manifest, trap, contents.card)  # with checksums that fit
    with pytest.raises(BundleError, match=r"model\.safetensors: not a safetensors file"):
        build_network(read_bundle(tmp_path / "trap"))
    assert not (tmp_path / "trapped").exists()


def test_weights_of_another_network_are_refused(bundle: Path) -> None:
    contents = read_bundle(bundle)
    network = {**contents.manifest.network, "features": [4, 16]}
    manifest = contents.manifest.model_copy(update={"network": network})
    (bundle / MANIFEST).write_text(to_text(manifest))
    with pytest.raises(BundleError, match="cannot be built"):
        build_network(read_bundle(bundle))


def test_an_unknown_setting_is_refused(bundle: Path) -> None:
    content = json.loads((bundle / MANIFEST).read_text()) | {"command": "rm"}
    del content["checksum"]
    content["checksum"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (bundle / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(BundleError, match="command: no such key"):
        read_bundle(bundle)


def test_names_in_a_zip_do_not_leave_it(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("../outside", "x")
        for path in bundle.iterdir():
            archive.write(path, path.name)
    read_bundle(tmp_path / "b.zip")
    assert not (tmp_path.parent / "outside").exists()


def test_damaged_weights_of_a_trial_are_named_as_its_own(tiny: Any, tmp_path: Path) -> None:
    root = Path(shutil.copytree(tiny.folder.path, tmp_path / "again"))
    weights = StudyFolder(root.parent, root.name).trial(2).weights.path
    other = {"a": torch.ones(2)}
    for content in (weights.read_bytes()[:-3], safetensors.torch.save(other)):
        weights.write_bytes(content)
        with pytest.raises(
            StudyError, match=r"0002/weights\.safetensors: damaged .*the trained network is lost"
        ):
            export_bundle(StudyFolder(root.parent, root.name), tmp_path / "out", 2)


def test_only_complete_trials_are_exported(tiny: Any, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="1 is not complete; complete are 0, 2"):
        export_bundle(tiny.folder, tmp_path / "out", 1)
    with pytest.raises(StudyError, match="7 is not complete"):
        export_bundle(tiny.folder, tmp_path / "out", 7)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["there", "there.zip"])
def test_nothing_is_overwritten(tiny: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("x")
    (tmp_path / "there.zip").write_text("x")
    with pytest.raises(StudyError, match="exists; remove it"):
        export_bundle(tiny.folder, tmp_path / name)
    assert (tmp_path / "there" / "mine").read_text() == (tmp_path / "there.zip").read_text() == "x"
