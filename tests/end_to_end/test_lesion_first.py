"""A study of thrombi that takes the lesion from masks, and from a study of lesions."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from study import evaluate, export, train
from study.commandline import run_command
from study.deployment.predictor import load_bundle
from study.imaging.entries import entry_folder
from study.machine.files import read_json
from study.records import StudyFolder

Rows = list[dict[str, str]]
Arguments = Callable[..., list[str]]
THROMBUS = ("cohort.target=thrombus", "trainer.epochs=2")


@pytest.fixture
def clots(hospitals: Rows, arguments: Arguments, tmp_path: Path) -> Callable[..., list[str]]:
    """Arguments of a training on the same scans, with a thrombus of two voxels inside each lesion."""
    for row in hospitals:
        image = nib.load(row["lesion"])
        clot = np.zeros(image.shape, np.uint8)
        clot[tuple(np.argwhere(np.asanyarray(image.dataobj))[:2].T)] = 1
        row["thrombus"] = str(Path(row["lesion"]).with_name("thrombus.nii.gz"))
        nib.save(nib.Nifti1Image(clot, image.affine), row["thrombus"])

    def build(rows: Rows, *more: str, name: str = "clots") -> list[str]:
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(hospitals[0]))
            writer.writeheader()
            writer.writerows(rows)
        return arguments([], f"cohort.path={path}", *more)

    return build


def centers(folder: StudyFolder) -> dict[str, list[float] | None]:
    """The lesion of each prepared subject, by its id."""
    ids = {subject.key: subject.id for subject in folder.subjects.read()}
    root = folder.config.read().cache_root
    entries = {one.facts.key: entry_folder(root, one.address or "") for one in folder.prepared.read().used}
    return {ids[key]: read_json(path / "grid.json")["lesion"] for key, path in entries.items()}


def test_lesions_come_from_masks_where_there_are_any(
    hospitals: Rows, clots: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {
        row["subject"]: ndimage.center_of_mass(np.asanyarray(nib.load(row["lesion"]).dataobj).T)
        for row in hospitals
    }
    hospitals[2]["lesion"] = ""
    run_command(train.main, clots(hospitals, *THROMBUS, "study.name=masks"))
    assert "no lesion: near_lesion is skipped for 1 subject" in capsys.readouterr().out
    found = centers(StudyFolder.find(tmp_path / "studies", "masks"))
    assert found.pop(hospitals[2]["subject"]) is None
    assert len(found) == len(hospitals) - 1
    for subject, center in found.items():
        assert center == pytest.approx(expected[subject])


def test_lesions_come_from_a_study_of_lesions(
    hospitals: Rows,
    clots: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_command(train.main, clots(hospitals, "study.name=lesions"))
    model = ("lesion.source=model", f"lesion.path={tmp_path / 'studies' / 'lesions'}")
    run_command(train.main, clots(hospitals, *THROMBUS, *model, "study.name=clots"))
    found = centers(StudyFolder.find(tmp_path / "studies", "clots"))
    assert any(found.values())
    export_lesions(tmp_path)
    bundle = load_bundle(tmp_path / "bundle", "cpu")
    for row in (hospitals[0], hospitals[-1]):
        images = {name: Path(row[name]) for name in ("DWI", "ADC", "B0") if row[name]}
        mask = bundle.predict(images).mask
        expected = pytest.approx(ndimage.center_of_mass(mask)) if mask.any() else None
        assert found[row["subject"]] == expected
    capsys.readouterr()
    elsewhere = [argument for argument in clots(hospitals[:4], name="other") if "cohort" in argument]
    run_command(evaluate.main, ["study.name=clots", f"study.root={tmp_path / 'studies'}", *elsewhere])
    assert "North" in capsys.readouterr().out


def export_lesions(tmp_path: Path) -> None:
    arguments = ["study.name=lesions", f"study.root={tmp_path / 'studies'}", f"out={tmp_path / 'bundle'}"]
    run_command(export.main, arguments)


def test_a_path_that_is_no_model_is_told_before_the_study_exists(
    hospitals: Rows, clots: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = clots(
        hospitals, *THROMBUS, "lesion.source=model", f"lesion.path={tmp_path / 'gone'}", "study.name=none"
    )
    with pytest.raises(SystemExit):
        run_command(train.main, given)
    assert "gone is neither a study's folder nor a bundle" in capsys.readouterr().err
    assert not (tmp_path / "studies" / "none").exists()
