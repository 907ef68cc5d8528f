"""Bundles of thrombi, which are told where the lesion is by a mask or by a bundle of lesions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from study import predict
from study.cohort.records import Subject
from study.commandline import run_command
from study.config import Postprocessing, validate
from study.deployment.bundle import Contents, write_bundle
from study.deployment.predictor import load_bundle
from study.errors import ConfigError
from study.evaluation.chains import Chains
from study.workflow.export import trial_contents
from study.workflow.lesion_model import find_lesion_model

Scan = Callable[..., dict[str, Path]]
MODALITIES = ("DWI", "SWAN", "PHASE")


@pytest.fixture(scope="session")
def thrombus_contents(tiny: Any) -> Contents:
    """The tiny network again, said to outline thrombi on SWAN's grid."""
    contents = trial_contents(tiny.folder)
    preparation = contents.manifest.preparation.model_copy(update={"reference": "SWAN"})
    chains = Chains(full=Postprocessing(steps=("threshold", "near_lesion"), threshold=0.45))
    changes = {"target": "thrombus", "modalities": MODALITIES, "preparation": preparation}
    changes |= {"modality_aliases": {}, "postprocessing": chains}
    manifest = contents.manifest.model_copy(update=changes)
    return Contents(manifest, contents.weights, contents.card, "thrombus")


@pytest.fixture(scope="session")
def thrombus_bundle(thrombus_contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("thrombus") / "bundle"
    write_bundle(out, thrombus_contents.manifest, thrombus_contents.weights, thrombus_contents.card)
    return out


@pytest.fixture
def patient(scan: Scan, tmp_path: Path) -> Callable[..., dict[str, Path]]:
    """DWI, ADC, B0, and SWAN on a grid twice as fine in plane; a lesion mask on DWI's grid."""

    def make(name: str = "s", seed: int = 1, folder: Path | None = None) -> dict[str, Path]:
        files = scan(folder or tmp_path, name, seed)
        image = nib.load(files["DWI"])
        affine = image.affine @ np.array([[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 1, 0], [0, 0, 0, 1]])
        data = np.kron(np.asarray(image.dataobj), np.ones((2, 2, 1), np.float32))
        mask = np.zeros(image.shape, np.uint8)
        mask[6:9, 8, 4] = 1
        for kind, array, where in (("SWAN", data, affine), ("lesion", mask, image.affine)):
            files[kind] = (folder or tmp_path) / f"{name}_{kind}.nii.gz"
            nib.save(nib.Nifti1Image(array, where), files[kind])
        return files

    return make


# SHAPE of the files is 20×22×9 in LPS: RAS+ turns x and y; x 6 to 8, y 8, z 4 become d 4, h 13, w 11 to 13,
# and a voxel i of DWI lies at 2 i + 0.5 of SWAN's rows and columns.
CENTER = (4.0, 26.5, 24.5)


def _run(*arguments: object) -> int:
    try:
        run_command(predict.main, [str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_mask_tells_where_the_lesion_is(
    thrombus_bundle: Path, patient: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = patient()
    images = {name: files[name] for name in ("DWI", "SWAN")}
    bundle = load_bundle(thrombus_bundle, "cpu")
    assert bundle.predict(images, lesion=files["lesion"]).lesion == pytest.approx(CENTER)
    assert bundle.predict(images).lesion is None
    pairs = [f"{name}={path}" for name, path in images.items()]
    arguments = [f"bundle={thrombus_bundle}", *pairs, f"out={tmp_path / 'm.nii.gz'}", "device=cpu"]
    assert _run(*arguments) == 0
    assert "predicted without PHASE, without a lesion (near_lesion is skipped)" in capsys.readouterr().out
    assert _run(*arguments, f"lesion={files['lesion']}") == 0
    told = capsys.readouterr().out
    assert "thrombus" in told
    assert "near_lesion" not in told


def test_a_bundle_of_lesions_tells_it_from_modalities_of_its_own(
    thrombus_bundle: Path,
    bundle_path: Path,
    patient: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = patient()
    lesions = {name: files[name] for name in ("DWI", "ADC", "B0")}
    mask = load_bundle(bundle_path, "cpu").predict(lesions).mask
    depth, height, width = ndimage.center_of_mass(mask)
    finder, bundle = load_bundle(bundle_path, "cpu"), load_bundle(thrombus_bundle, "cpu")
    found = finder.find(lesions)
    images = {name: files[name] for name in ("DWI", "SWAN")}
    expected = (depth, 2 * height + 0.5, 2 * width + 0.5)
    assert bundle.predict(images, lesion=found).lesion == pytest.approx(expected)
    pairs = [f"{name}={files[name]}" for name in ("DWI", "SWAN", "ADC", "B0")]
    out = tmp_path / "m.nii.gz"
    assert _run(f"bundle={thrombus_bundle}", f"lesion_bundle={bundle_path}", *pairs, f"out={out}") == 0
    assert "near_lesion" not in capsys.readouterr().out
    assert nib.load(out).shape == nib.load(files["SWAN"]).shape


def test_nothing_found_is_no_lesion(bundle_path: Path, patient: Callable) -> None:
    files = patient()
    bundle = load_bundle(bundle_path, "cpu")
    strict = Chains(full=Postprocessing(threshold=0.999999))
    bundle.manifest = bundle.manifest.model_copy(update={"postprocessing": strict})
    assert bundle.find({"DWI": files["DWI"]}) is None


def test_a_folder_has_masks_and_who_has_none_is_told_or_looked_at(
    thrombus_bundle: Path,
    bundle_path: Path,
    patient: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    images = tmp_path / "images"
    patient("a", 1, images)
    second = patient("b", 2, images / "b")
    second["lesion"].unlink()
    arguments = [f"bundle={thrombus_bundle}", f"images={images}", f"out={tmp_path / 'out'}", "device=cpu"]
    assert _run(*arguments) == 0
    told = capsys.readouterr().out
    assert "2 of 2 subjects predicted" in told
    assert "without PHASE: a, b" in told
    assert "without a lesion (near_lesion is skipped): b" in told
    assert _run(*arguments, f"lesion_bundle={bundle_path}") == 0
    told = capsys.readouterr().out
    assert "without PHASE: a, b" in told
    assert "near_lesion" not in told


def test_a_folder_of_references_is_no_matter_to_a_bundle_of_lesions(
    bundle_path: Path, patient: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    files = patient("a", 1, images)
    files["lesion"].write_text("no scan")
    assert _run(f"bundle={bundle_path}", f"images={images}", f"out={tmp_path}", "device=cpu") == 0
    assert "1 of 1 subjects predicted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["bundle={thrombus}", "lesion={lesion}", "lesion_bundle={bundle}"],
            "lesion_bundle: the lesion is given; give either its mask or the bundle",
        ),
        (["bundle={bundle}", "lesion={lesion}"], "lesion: this bundle segments lesions itself; leave it out"),
        (
            ["bundle={bundle}", "lesion_bundle={bundle}"],
            "lesion_bundle: the bundle segments lesions itself; leave it out",
        ),
        (
            ["bundle={thrombus}", "lesion_bundle={thrombus}"],
            "lesion_bundle: it segments the thrombus; give a bundle of lesions",
        ),
        (["bundle={thrombus}", "ADC={ADC}"], "ADC: not a modality of this bundle; it knows DWI, SWAN, PHASE"),
        (["bundle={thrombus}", "lesion={PATH}"], "there is no such file"),
        (["bundle={thrombus}", "lesion={SWAN}"], "the mask is not binary"),
    ],
)
def test_what_does_not_fit_together_is_explained(
    thrombus_bundle: Path,
    bundle_path: Path,
    patient: Callable,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    files = patient()
    known = {**files, "thrombus": thrombus_bundle, "bundle": bundle_path, "PATH": tmp_path / "gone.nii"}
    given = [argument.format(**known) for argument in arguments]
    out = tmp_path / "m.nii.gz"
    assert _run(*given, f"DWI={files['DWI']}", f"out={out}", "device=cpu") == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_bundle_that_registers_says_what_it_needs(
    thrombus_contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = thrombus_contents.manifest
    rigid = manifest.preparation.model_copy(update={"registration": "rigid"})
    changed = manifest.model_copy(update={"preparation": rigid})
    write_bundle(tmp_path / "bundle", changed, thrombus_contents.weights, thrombus_contents.card)
    assert load_bundle(tmp_path / "bundle", "cpu").manifest.preparation.registration == "rigid"
    monkeypatch.setitem(sys.modules, "ants", None)  # an import that fails
    with pytest.raises(ConfigError, match=r"pip install 'fadeout\[registration\]'"):
        load_bundle(tmp_path / "bundle", "cpu")


def _config(path: Path) -> Any:
    return validate(
        {
            "study": {"name": "thrombi"},
            "cohort": {"modalities": ["DWI", "SWAN"], "target": "thrombus"},
            "modality_dropout": {"droppable": []},
            "lesion": {"source": "model", "path": str(path)},
        }
    )


def test_a_study_and_its_bundle_are_the_same_model(tiny: Any, bundle_path: Path, patient: Callable) -> None:
    one, other = find_lesion_model(_config(tiny.folder.path)), find_lesion_model(_config(bundle_path))
    assert one is not None
    assert other is not None
    assert one.identity == other.identity
    assert one.modalities == ("DWI", "ADC", "B0")
    files = patient()
    lesions = {name: files[name] for name in ("DWI", "ADC")}
    subject = Subject("s", "s", "CHSF", "CHSF-0001", {**lesions, "SWAN": files["SWAN"]}, {})
    found = one.find(subject)
    assert found is not None
    mask = load_bundle(bundle_path, "cpu").predict(lesions).mask
    assert found.voxel == pytest.approx(ndimage.center_of_mass(mask))
    lacking = Subject("s", "s", "CHSF", "CHSF-0001", {"SWAN": files["SWAN"]}, {})
    assert one.find(lacking) is None


def test_other_weights_are_another_model(tiny: Any, bundle_path: Path, tmp_path: Path) -> None:
    contents = trial_contents(tiny.folder)
    weights = bytearray(contents.weights)
    weights[-1] ^= 1
    write_bundle(tmp_path / "bundle", contents.manifest, bytes(weights), contents.card)
    one, other = (find_lesion_model(_config(path)) for path in (bundle_path, tmp_path / "bundle"))
    assert one is not None
    assert other is not None
    assert one.identity != other.identity


def test_what_is_no_model_of_lesions_is_refused(thrombus_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"lesion\.path: .* is neither a study's folder nor a bundle"):
        find_lesion_model(_config(tmp_path))
    with pytest.raises(ConfigError, match=r"lesion\.path: .* segments the thrombus"):
        find_lesion_model(_config(thrombus_bundle))
