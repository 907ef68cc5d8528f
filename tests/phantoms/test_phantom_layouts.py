"""Phantoms as public data sets have their files: names, labels, formats, and the readers that find them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from study.cohort import load_cohort
from study.cohort.records import Subject
from study.commandline.composition import compose
from study.config import Config, Phantom
from study.errors import ConfigError
from study.imaging.check import check_cohort
from study.imaging.protocol import ImagingProtocol
from study.phantoms.__main__ import main
from study.phantoms.layouts import LAYOUTS, write_layout
from study.phantoms.roster import phantom_roster
from study.run import main as run

MADE: dict[str, tuple[str, int, list[str]]] = {  # layout: center, subjects, modalities
    "brats2018": ("CBICA", 3, ["FLAIR", "T1", "T1c", "T2"]),
    "brats2023": ("TCIA02", 3, ["FLAIR", "T1", "T1c", "T2"]),
    "isbi2015": ("ISBI", 6, ["FLAIR", "T1", "T2", "PD"]),
    "umcl": ("UMCL", 3, ["FLAIR", "T1", "T1c", "T2"]),
    "jhu": ("JHU", 3, ["DWI", "ADC", "B0"]),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one data set in each layout."""
    parent = tmp_path_factory.mktemp("layouts")
    for layout, (center, count, _) in MADE.items():
        settings = [f"cohort.phantom.centers={center}", f"cohort.phantom.subjects_per_center={count}"]
        main(
            [
                "write",
                f"out={parent / layout}",
                f"layout={layout}",
                *settings,
                "cohort.phantom.dirt.step_mm=2.4",
            ]
        )
    return parent


def configured(written: Path, layout: str, *more: str) -> Config:
    return compose([f"cohort={layout}", f"cohort.{layout}.root={written / layout}", "study.name=test", *more])


def subjects_of(written: Path, layout: str) -> tuple[Subject, ...]:
    config = configured(written, layout)
    return load_cohort(config.cohort, config.phantom_root).subjects


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def test_every_layout_is_made_here() -> None:
    assert set(MADE) == set(LAYOUTS)


@pytest.mark.parametrize("layout", MADE)
def test_its_reader_finds_every_subject_and_modality(written: Path, layout: str) -> None:
    _, count, modalities = MADE[layout]
    subjects = subjects_of(written, layout)
    assert len(subjects) == count
    for subject in subjects:
        assert set(modalities) <= set(subject.images)
        assert "lesion" in subject.masks


@pytest.mark.parametrize("layout", MADE)
def test_every_file_is_read_without_a_problem(written: Path, layout: str) -> None:
    config = configured(written, layout)
    cohort = load_cohort(config.cohort, config.phantom_root)
    protocol = ImagingProtocol(config.cohort.modalities, "lesion", "none", config.imaging)
    report = check_cohort(cohort, protocol)
    assert [str(problem) for problem in (*report.problems, *report.warnings)] == []
    assert all(one.volumes_ml["lesion"] > 0 for one in report.subjects)


def test_the_files_of_brats_2018_are_called_as_there(written: Path) -> None:
    folder = written / "brats2018/HGG/Brats18_CBICA_AAB_1"
    assert {path.name.removeprefix("Brats18_CBICA_AAB_1_") for path in folder.iterdir()} == {
        *("flair.nii.gz", "t1.nii.gz", "t1ce.nii.gz", "t2.nii.gz", "seg.nii.gz", "truth.json")
    }
    labels = voxels(folder / "Brats18_CBICA_AAB_1_seg.nii.gz")
    assert set(np.unique(labels)) == {0, 1, 2, 4}
    assert json.loads((folder / "Brats18_CBICA_AAB_1_truth.json").read_text())["grade"] == "HGG"


def test_brats_2023_has_labels_of_its_own_and_a_table_of_centers(written: Path, tmp_path: Path) -> None:
    for subject in subjects_of(written, "brats2023"):
        assert subject.id.startswith("BraTS-GLI-0000")
        assert set(np.unique(voxels(subject.masks["lesion"]))) <= {0, 1, 2, 3}
        assert subject.center == "GLI"
    table = written / "brats2023/centers.csv"
    config = configured(written, "brats2023", f"cohort.brats2023.table={table}")
    cohort = load_cohort(config.cohort, config.phantom_root)
    assert cohort.centers == ("TCIA02",)


def test_isbi_2015_has_plain_files_examinations_and_two_raters(written: Path) -> None:
    folder = written / "isbi2015/training01"
    assert {path.name for path in (folder / "preprocessed").iterdir()} == {
        f"training01_{look}_{name}_pp.nii"
        for look in ("01", "02")
        for name in ("mprage", "flair", "t2", "pd")
    }
    raters = [voxels(folder / f"masks/training01_01_mask{rater}.nii") > 0 for rater in (1, 2)]
    assert all(mask.any() for mask in raters)
    assert not np.array_equal(*raters)
    patients = [subject.patient for subject in subjects_of(written, "isbi2015")]
    assert sorted(set(patients)) == [f"training0{n}" for n in range(1, 6)]


def test_voxels_are_those_of_the_cohort_that_a_study_simulates(written: Path, tmp_path: Path) -> None:
    settings = Phantom(centers=("UMCL",), subjects_per_center=1, dirt={"step_mm": 2.4})
    from study.phantoms.write import write_subject

    subject = phantom_roster(settings)[0]
    write_subject(subject, settings, tmp_path)
    own = tmp_path / subject.id / f"anat/{subject.id}_T1c.nii.gz"
    assert own.read_bytes() == (written / "umcl/patient01/T1WKS.nii.gz").read_bytes()


@pytest.mark.parametrize("layout", MADE)
def test_a_study_of_it_is_planned(
    written: Path, layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = f"cohort.{layout}.root={written / layout}"
    run([f"cohort={layout}", root, f"study.root={tmp_path}", "study.name=test", "dry_run=true"])
    assert "Subjects (only those with a reference mask are used):" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("layout", "centers", "message"),
    [
        ("umcl", ("CBICA",), r"layout=umcl holds UMCL, not CBICA; set cohort\.phantom\.centers=\[UMCL\]"),
        ("brats2018", ("CBICA", "ISBI"), r"holds CBICA, TCIA01, TCIA02, not ISBI"),
    ],
)
def test_a_center_of_another_set_is_refused(layout: str, centers: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        write_layout(layout, Phantom(centers=centers), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_layout_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"layout: .*brats2018.*umcl"):
        main(["write", f"out={tmp_path / 'out'}", "layout=brats"])
