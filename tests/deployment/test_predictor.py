from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from study import predict
from study.cohort.records import Subject
from study.commandline import run_command
from study.config import Postprocessing
from study.deployment.predictor import load_bundle
from study.errors import ConfigError
from study.evaluation import postprocessing
from study.evaluation.inference import predict_probability
from study.evaluation.steps import StepContext
from study.imaging.prepare import prepare_subject
from study.machine.runtime import Runtime
from study.workflow.protocol import imaging_protocol

CPU = Runtime.choose("cpu", "fp32")

Scan = Callable[..., dict[str, Path]]


def _run(*arguments: object) -> int:
    """The exit code of the command."""
    try:
        run_command(predict.main, [str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _pairs(images: dict[str, Path]) -> list[str]:
    return [f"{name}={path}" for name, path in images.items()]


@pytest.mark.parametrize("given", [("DWI", "ADC", "B0"), ("ADC", "DWI"), ("B0",)])
def test_a_bundle_predicts_what_the_study_does(
    tiny: Any, bundle_path: Path, scan: Scan, tmp_path: Path, given: tuple[str, ...]
) -> None:
    images = {name: path for name, path in scan(tmp_path, "s", 1).items() if name in given}
    subject = Subject("s", "s", "CHSF", "CHSF-0001", images, {})
    prepared = prepare_subject(subject, imaging_protocol(tiny.config), (4.0, 2.5, 2.5))
    patch = tiny.plan.patch_size
    probability = predict_probability(tiny.network, prepared.windows, prepared.present, patch, 0.5, 4, CPU)
    expected = prepared.to_native(probability)
    prediction = load_bundle(bundle_path, "cpu").predict({name: images[name] for name in given})
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(prediction.probability, expected, atol=1e-6)
    full = Postprocessing(threshold=0.45, remove_small={"ml": 0.05})
    missing = Postprocessing(steps=("threshold", "grow"), threshold=0.6, grow={"threshold": 0.4})
    right, wrong = (
        postprocessing.postprocess(expected, settings, StepContext((4.0, 2.0, 2.0)))
        for settings in ((full, missing) if len(given) == 3 else (missing, full))
    )
    assert not np.array_equal(right, wrong)
    np.testing.assert_array_equal(prediction.mask, right)
    assert prediction.volume_ml == pytest.approx(right.sum() * 0.016)
    assert prediction.absent == tuple(name for name in ("DWI", "ADC", "B0") if name not in given)


def test_mask_and_probability_lie_on_the_input_s_grid(bundle_path: Path, scan: Scan, tmp_path: Path) -> None:
    images = scan(tmp_path, "s", 1)
    out, probability = tmp_path / "out" / "mask.nii.gz", tmp_path / "p.nii.gz"
    assert (
        _run(
            f"bundle={bundle_path}", *_pairs(images), f"out={out}", f"probability={probability}", "device=cpu"
        )
        == 0
    )
    reference, mask, chance = nib.load(images["DWI"]), nib.load(out), nib.load(probability)
    for written in (mask, chance):
        np.testing.assert_allclose(written.affine, reference.affine, atol=1e-6)
        assert written.shape == reference.shape
    assert mask.get_data_dtype() == np.uint8
    values = np.asarray(chance.dataobj)
    assert set(np.unique(np.asarray(mask.dataobj))) <= {0, 1}
    inside = np.asarray(mask.dataobj) == 1
    assert inside.any()
    assert values[inside].min() >= 0.45


def test_turning_the_input_turns_the_output(bundle_path: Path, scan: Scan, tmp_path: Path) -> None:
    image = scan(tmp_path, "s", 1, ("DWI",))["DWI"]
    turned = tmp_path / "turned.nii.gz"
    nib.save(nib.as_closest_canonical(nib.load(image)), turned)
    for source, out in ((image, "a.nii.gz"), (turned, "b.nii.gz")):
        assert _run(f"bundle={bundle_path}", f"DWI={source}", f"out={tmp_path / out}", "device=cpu") == 0
    first = nib.as_closest_canonical(nib.load(tmp_path / "a.nii.gz"))
    np.testing.assert_array_equal(first.get_fdata(), nib.load(tmp_path / "b.nii.gz").get_fdata())


def test_what_is_absent_is_told(
    bundle_path: Path, scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = scan(tmp_path, "s", 1)["DWI"]
    assert _run(f"bundle={bundle_path}", f"DWI={image}", f"out={tmp_path / 'm.nii'}", "device=cpu") == 0
    assert "predicted without ADC, B0" in capsys.readouterr().out


def test_a_stand_in_is_predicted_from_as_the_modality_itself_and_told(
    bundle_path: Path, scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = scan(tmp_path, "s", 1, ("DWI", "ADC", "B0"))
    bundle = load_bundle(bundle_path, "cpu")
    expected = bundle.predict({"DWI": images["DWI"], "B0": images["B0"]})
    renamed = bundle.predict({"DWI": images["DWI"], "EPI": images["B0"]})
    np.testing.assert_array_equal(renamed.probability, expected.probability)
    assert (renamed.absent, renamed.substituted) == (("ADC",), {"B0": "EPI"})
    assert not expected.substituted
    pairs = (f"DWI={images['DWI']}", f"EPI={images['B0']}", f"out={tmp_path / 'm.nii'}")
    assert _run(f"bundle={bundle_path}", *pairs, "device=cpu") == 0
    assert "predicted without ADC, with EPI in B0's place" in capsys.readouterr().out


def test_stand_ins_in_a_folder_are_told(
    bundle_path: Path, scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    for name in ("a", "b", "c"):
        scan(images, name, 1)
    for name in ("a", "b"):
        (images / f"{name}_B0.nii.gz").rename(images / f"{name}_epi.nii.gz")
    shutil.copy(images / "c_DWI.nii.gz", images / "c_EPI.nii.gz")
    assert _run(f"bundle={bundle_path}", f"images={images}", f"out={tmp_path / 'out'}", "device=cpu") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "  with EPI in B0's place: a, b"
    assert "3 of 3 subjects predicted" in lines[-2]


def test_a_given_brain_mask_counts(bundle_path: Path, scan: Scan, tmp_path: Path) -> None:
    image = scan(tmp_path, "s", 1)["DWI"]
    data = np.zeros(nib.load(image).shape, np.uint8)
    data[6:12, 6:14, 3:7] = 1
    brain = tmp_path / "brain.nii.gz"
    nib.save(nib.Nifti1Image(data, nib.load(image).affine), brain)
    bundle = load_bundle(bundle_path, "cpu")
    whole, part = bundle.predict({"DWI": image}), bundle.predict({"DWI": image}, brain=brain)
    assert np.count_nonzero(part.probability) < np.count_nonzero(whole.probability) / 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["T1=a.nii.gz", "out=m.nii.gz"],
            "T1: not a modality of this bundle; it knows DWI, ADC, B0, EPI, T2star",
        ),
        (["out=m.nii.gz"], "no modality is given; give at least one of DWI, ADC, B0, EPI, T2star"),
        (
            ["B0=a.nii.gz", "EPI=b.nii.gz", "out=m.nii.gz"],
            "EPI: may stand in for B0 and is given beside B0; give one of them",
        ),
        (
            ["EPI=a.nii.gz", "T2star=b.nii.gz", "out=m.nii.gz"],
            "T2star: may stand in for B0 and is given beside EPI",
        ),
        (["DWI=none.nii.gz", "out=m.nii.gz"], "none.nii.gz: there is no such file"),
        (["DWI=a.nii.gz", "out=m.png"], "out: must end in .nii or .nii.gz"),
        (["DWI=a.nii.gz", "out=a.nii.gz"], "out: a.nii.gz is an input"),
        (["DWI=a.nii.gz", "out=m.nii.gz", "probability=m.nii.gz"], "probability: m.nii.gz is also out"),
        (["DWI=a.nii.gz"], "out: required and not given"),
        (["DWI=a.nii.gz", "out=m.nii.gz", "imaging.most_voxels=many"], "imaging.most_voxels: "),
        (["DWI=a.nii.gz", "images=x", "out=y"], "images: give either a folder or single files"),
        (["DWI=a.nii.gz", "out=m.nii.gz", "device=tpu"], "device: must be one of auto, cpu, cuda, got 'tpu'"),
    ],
)
def test_bad_arguments_are_explained(
    bundle_path: Path,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(f"bundle={bundle_path}", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_one_bad_subject_does_not_stop_the_others(
    bundle_path: Path, scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = tmp_path / "images"
    scan(images, "a", 1)
    scan(images / "b", "b", 2, ("DWI", "ADC"))
    broken = scan(images, "c", 3, ("DWI",))["DWI"]
    broken.write_bytes(broken.read_bytes()[:200])
    (images / "empty").mkdir()
    out, chances = tmp_path / "out", tmp_path / "chances"
    arguments = [
        f"bundle={bundle_path}",
        f"images={images}",
        f"out={out}",
        f"probability={chances}",
        "device=cpu",
    ]
    assert _run(*arguments) == 2
    lists = {"predictions.csv", "predictions.json"}
    assert {path.name for path in out.iterdir()} == {"a_mask.nii.gz", "b_mask.nii.gz", *lists}
    assert {path.name for path in chances.iterdir()} == {"a_probability.nii.gz", "b_probability.nii.gz"}
    captured = capsys.readouterr()
    assert "2 of 3 subjects predicted" in captured.out
    assert "without B0: b" in captured.out
    assert "error: c: " in captured.err
    assert "truncated or damaged" in captured.err
    assert "empty: ignored" in captured.err
    broken.unlink()
    assert _run(*arguments) == 0


@pytest.mark.slow
@pytest.mark.skipif(
    "STUDY_REAL_DATA" not in os.environ, reason="STUDY_REAL_DATA names no folder of real scans"
)
def test_a_folder_of_real_scans_is_predicted_as_it_was_published(
    bundle_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, images = "sub-strokecase0002", tmp_path / "images"
    shutil.copytree(Path(os.environ["STUDY_REAL_DATA"]) / "ISLES-2022" / name, images / name)
    assert _run(f"bundle={bundle_path}", f"images={images}", f"out={tmp_path}", "device=cpu") == 0
    output = capsys.readouterr().out
    assert "1 of 1 subjects predicted" in output
    assert f"without B0: {name}" in output
    (scan,) = images.glob(f"{name}/*/dwi/*_dwi.nii.gz")
    mask, source = nib.load(tmp_path / f"{name}_mask.nii.gz"), nib.load(scan)
    assert mask.shape == source.shape
    np.testing.assert_allclose(mask.affine, source.affine, atol=1e-4)


def test_a_faulty_device_and_an_unknown_modality_are_errors_of_the_library_too(bundle_path: Path) -> None:
    with pytest.raises(ConfigError, match="device"):
        load_bundle(bundle_path, "gpu")
    with pytest.raises(ConfigError, match="T1: not a modality"):
        load_bundle(bundle_path, "cpu").predict({"T1": Path("a.nii.gz")})


@pytest.mark.slow
def test_predicting_imports_nothing_heavy_beside_torch(bundle_path: Path, scan: Scan, tmp_path: Path) -> None:
    image = scan(tmp_path, "s", 1)["DWI"]
    arguments = [f"bundle={bundle_path}", f"DWI={image}", f"out={tmp_path / 'm.nii.gz'}", "device=cpu"]
    heavy = ("torchio", "mlflow", "ray", "pandas", "optuna", "matplotlib", "monai", "hydra", "pyarrow")
    code = (
        f"import sys; from study.predict import main; main({arguments!r}); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_needs_no_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--help") == 0
    assert "images" in capsys.readouterr().out


def test_a_copied_zip_predicts_as_the_folder_does(
    tiny: Any, bundle_path: Path, scan: Scan, tmp_path: Path
) -> None:
    from study import export

    study = tiny.config.study
    run_command(
        export.main, [f"study.name={study.name}", f"study.root={study.root}", f"out={tmp_path / 'b.zip'}"]
    )
    shutil.copy(tmp_path / "b.zip", tmp_path / "c.zip")
    images = scan(tmp_path, "s", 1)
    first = load_bundle(bundle_path, "cpu").predict(images)
    np.testing.assert_array_equal(
        load_bundle(tmp_path / "c.zip", "cpu").predict(images).probability, first.probability
    )
