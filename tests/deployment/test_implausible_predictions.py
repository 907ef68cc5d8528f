"""What predicting says of images of the wrong modality, and of subsets that the network does not know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_brains import GRID, chosen, draw_brain, exchanged, intensities, write_images

from study import predict
from study.commandline import run_command
from study.deployment.bundle import MANIFEST, Contents, read_bundle, write_bundle
from study.deployment.manifest import Manifest, _checksum, to_text
from study.deployment.predictor import Bundle, load_bundle
from study.deployment.subsets import Subset, SubsetResult
from study.errors import CohortError, ConfigError
from study.imaging.likeness import IntensityFingerprint
from study.workflow.export import trial_contents

ALL = "DWI+ADC+B0"
SUBSETS = (
    Subset(given=("DWI", "ADC", "B0"), trained=0.5, tested=(SubsetResult(seen=True, subjects=2, dice=0.8),)),
    Subset(given=("DWI", "ADC"), trained=0.5, tested=(SubsetResult(seen=False, subjects=1, dice=0.6),)),
)


@pytest.fixture(scope="module")
def contents(tiny: Any) -> Contents:
    """The tiny network, which has seen drawn brains and was tested with and without B0."""
    exported = trial_contents(tiny.folder)
    found = IntensityFingerprint.of([intensities(chosen(draw_brain(seed), ALL)) for seed in range(4)])
    preparation = exported.manifest.preparation.model_copy(update={"spacing_mm": GRID.spacing_mm})
    manifest = exported.manifest.model_copy(
        update={"fingerprint": found, "subsets": SUBSETS, "preparation": preparation}
    )
    return Contents(manifest, exported.weights, exported.card, "drawn")


@pytest.fixture(scope="module")
def path(contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drawn") / "bundle"
    write_bundle(out, contents.manifest, contents.weights, contents.card)
    return out


@pytest.fixture(scope="module")
def bundle(path: Path) -> Bundle:
    return load_bundle(path, "cpu")


def run(*arguments: object) -> int:
    try:
        run_command(predict.main, [*map(str, arguments), "device=cpu"])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def pairs(files: dict[str, Path]) -> list[str]:
    return [f"{name}={file}" for name, file in files.items()]


def test_right_images_of_a_tested_subset_are_predicted_without_a_warning(
    bundle: Bundle, tmp_path: Path
) -> None:
    files = write_images(tmp_path, "s", chosen(draw_brain(9), ALL))
    assert bundle.predict(files).warnings == ()
    assert bundle.predict({name: files[name] for name in ("DWI", "ADC")}).warnings == ()


def test_exchanged_files_are_an_error_or_a_warning_as_told(bundle: Bundle, tmp_path: Path) -> None:
    files = write_images(tmp_path, "s", exchanged(chosen(draw_brain(9), ALL), "DWI", "ADC"))
    with pytest.raises(CohortError) as caught:
        bundle.predict(files, name="patient")
    (problem,) = caught.value.problems
    assert (problem.subject, problem.file) == ("patient", files["DWI"])
    assert problem.remedy == "give each modality its own file; implausible=warn predicts all the same"
    (warning,) = bundle.predict(files, implausible="warn").warnings
    assert warning == problem.what


def test_an_unknown_word_is_refused_before_files_are_read(bundle: Bundle) -> None:
    with pytest.raises(ConfigError, match="implausible: must be one of error, warn, got 'yes'"):
        bundle.predict({"DWI": "none.nii.gz"}, implausible="yes")  # type: ignore[arg-type]


def test_images_unlike_the_training_s_are_a_warning_with_numbers(bundle: Bundle, tmp_path: Path) -> None:
    images = chosen(draw_brain(9), "DWI+ADC")
    rng = np.random.default_rng(0)
    images["DWI"] = np.where(images["DWI"] > 0, rng.uniform(1, 900, images["DWI"].shape), 0).astype(
        np.float32
    )
    warnings = bundle.predict(write_images(tmp_path, "s", images)).warnings
    assert any("unlike the scans that the network was trained on" in text for text in warnings)


def test_one_subject_s_command_tells_warnings_and_goes_on(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_images(tmp_path, "s", exchanged(chosen(draw_brain(9), "DWI+ADC"), "DWI", "ADC"))
    arguments = [f"bundle={path}", *pairs(files), f"out={tmp_path / 'm.nii.gz'}"]
    assert run(*arguments) == 2
    assert "implausible=warn predicts all the same" in capsys.readouterr().err
    assert not (tmp_path / "m.nii.gz").exists()
    assert run(*arguments, "implausible=warn") == 0
    assert (tmp_path / "m.nii.gz").exists()
    captured = capsys.readouterr()
    assert captured.err.startswith("warning: DWI and ADC are exchanged: ")
    assert "lesion" in captured.out
    assert run(*arguments, "implausible=no") == 2
    assert "implausible: must be one of error, warn, got 'no'" in capsys.readouterr().err


def test_an_unknown_subset_is_told_with_what_was_tested(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_images(tmp_path, "s", chosen(draw_brain(9), "DWI"))
    assert run(f"bundle={path}", *pairs(files), f"out={tmp_path / 'm.nii'}") == 0
    assert capsys.readouterr().err == (
        "warning: DWI alone: the network was never trained or tested with it; tested are "
        "DWI+ADC+B0, Dice 0.80, 2 subjects of seen centers; DWI+ADC, Dice 0.60, 1 subject of unseen centers\n"
    )


def test_a_folder_tells_each_warning_once_and_refuses_only_the_wrong_subject(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    for name in ("a", "b"):
        write_images(images, name, chosen(draw_brain(ord(name)), "DWI+B0"))
    write_images(images, "c", exchanged(chosen(draw_brain(3), ALL), "B0", "DWI"))
    write_images(images, "d", chosen(draw_brain(4), ALL))
    arguments = [f"bundle={path}", f"images={images}", f"out={tmp_path / 'out'}"]
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert "3 of 4 subjects predicted" in captured.out
    warnings = [line for line in captured.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: a, b: DWI+B0: the network was never trained or tested with it")
    assert f"error: c: {images / 'c_DWI.nii.gz'}: DWI and B0 are exchanged" in captured.err
    assert run(*arguments, "implausible=warn") == 0
    captured = capsys.readouterr()
    assert "4 of 4 subjects predicted" in captured.out
    assert "warning: c: DWI and B0 are exchanged" in captured.err


def test_help_documents_the_word(capsys: pytest.CaptureFixture[str]) -> None:
    predict.main(["--help"])
    assert "implausible" in capsys.readouterr().out


def test_a_bundle_keeps_fingerprint_and_subsets(path: Path, contents: Contents) -> None:
    read = read_bundle(path).manifest
    assert read.format_version == 6
    assert (read.fingerprint, read.subsets) == (contents.manifest.fingerprint, SUBSETS)


@pytest.fixture
def old(contents: Contents, tmp_path: Path) -> Path:
    """The bundle as the version before wrote it."""
    out = tmp_path / "old"
    write_bundle(out, contents.manifest, contents.weights, contents.card)
    content = json.loads((out / MANIFEST).read_text())
    for key in ("checksum", "fingerprint", "subsets"):
        del content[key]
    del content["preparation"]["interpolation"]
    content["format_version"] = 3
    (out / MANIFEST).write_text(json.dumps({**content, "checksum": _checksum(content)}))
    return out


def test_an_old_bundle_is_read_and_compared_with_physics_alone(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = read_bundle(old).manifest
    assert (manifest.format_version, manifest.fingerprint, manifest.subsets) == (3, None, ())
    assert manifest.preparation.interpolation == "linear"
    files = write_images(tmp_path, "s", chosen(draw_brain(9), "DWI"))
    assert run(f"bundle={old}", *pairs(files), f"out={tmp_path / 'm.nii'}") == 0
    assert capsys.readouterr().err == (
        "the bundle holds no fingerprint of its training images; yours are judged by physics alone\n"
    )
    wrong = write_images(tmp_path, "w", exchanged(chosen(draw_brain(9), "DWI+ADC"), "DWI", "ADC"))
    assert run(f"bundle={old}", *pairs(wrong), f"out={tmp_path / 'm.nii'}") == 2


def test_the_new_parts_of_a_manifest_are_under_its_checksum(path: Path, tmp_path: Path) -> None:
    text = (path / MANIFEST).read_text()
    manifest = read_bundle(path).manifest
    assert to_text(manifest) == text
    assert Manifest.model_validate(manifest.model_dump(mode="json")) == manifest
    assert '"trait": "tails"' in text
