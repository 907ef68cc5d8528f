"""Who is simulated with a tumour or with multiple sclerosis, and what is written of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pytest

from study.config import Phantom
from study.phantoms import phantom_files, phantom_roster
from study.phantoms.structural_centers import STRUCTURAL
from study.phantoms.write import write_subject

TUMOUR, MS = ("CBICA", "TCIA01", "TCIA02"), ("ISBI", "UMCL", "OFSEP")


def test_about_forty_examinations_of_each_disease() -> None:
    for centers in (TUMOUR, MS):
        assert 38 <= len(phantom_roster(Phantom(centers=centers))) <= 42


def test_full_cohorts_have_as_many_as_the_real_sets() -> None:
    found = Counter(one.center for one in phantom_roster(Phantom(centers=TUMOUR + MS, size="full")))
    assert sum(found[center] for center in TUMOUR) == 285  # BraTS 2018
    assert (found["ISBI"], found["UMCL"], found["OFSEP"]) == (21, 30, 53)


def test_patients_of_isbi_are_examined_four_or_five_times() -> None:
    subjects = phantom_roster(Phantom(centers=("ISBI",)))
    assert Counter(one.patient for one in subjects) == {
        "ISBI0001": 4,
        "ISBI0002": 4,
        "ISBI0003": 5,
        "ISBI0004": 4,
        "ISBI0005": 4,
    }
    assert [one.visit for one in subjects[:5]] == [1, 2, 3, 4, 1]
    assert len({one.id for one in subjects}) == 21


@pytest.mark.parametrize(("wanted", "patients"), [(1, 1), (3, 3), (5, 5), (7, 5), (60, 12)])
def test_few_examinations_are_of_many_patients(wanted: int, patients: int) -> None:
    subjects = phantom_roster(Phantom(centers=("ISBI",), subjects_per_center=wanted))
    assert len(subjects) == wanted
    counts = Counter(one.patient for one in subjects)
    assert len(counts) == patients
    assert max(counts.values()) - min(counts.values()) <= 1


def test_tumours_have_grades_and_most_are_high() -> None:
    grades = Counter(one.grade for one in phantom_roster(Phantom(centers=TUMOUR)))
    assert set(grades) == {"HGG", "LGG"}
    assert grades["HGG"] > 2 * grades["LGG"] > 0
    assert {one.grade for one in phantom_roster(Phantom(centers=MS))} == {""}


def test_centers_differ_in_field_strength_and_modalities() -> None:
    fields = {
        name: {scanner.field_t for scanner, _ in center.scanners} for name, center in STRUCTURAL.items()
    }
    assert fields["ISBI"] == fields["UMCL"] == {3.0}
    assert fields["OFSEP"] == fields["TCIA02"] == {1.5, 3.0}
    assert "T1c" not in STRUCTURAL["ISBI"].modalities
    assert "PD" not in STRUCTURAL["UMCL"].modalities


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One subject of CBICA, and the first two examinations of a patient of ISBI."""
    folder = tmp_path_factory.mktemp("structural")
    for center, numbers in (("CBICA", (1,)), ("ISBI", (1, 2))):
        settings = Phantom(centers=(center,))
        for subject in phantom_roster(settings):
            if subject.number in numbers:
                write_subject(subject, settings, folder)
    return folder


def test_the_same_seed_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    settings = Phantom(centers=("CBICA",))
    subject = phantom_roster(settings)[0]
    write_subject(subject, settings, tmp_path)
    one, other = phantom_files(subject, written), phantom_files(subject, tmp_path)
    for files in (one, other):
        assert set(files.images) == {"T1", "T1c", "T2", "FLAIR"}
        assert set(files.masks) == {"lesion", "regions", "brain"}
    for first, second in zip(
        (*one.images.values(), *one.masks.values()),
        (*other.images.values(), *other.masks.values()),
        strict=True,
    ):
        assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()


def voxels(folder: Path, subject: str, name: str) -> np.ndarray:
    (path,) = folder.rglob(f"{subject}_{name}.nii.gz")
    return np.asarray(nibabel.load(path).dataobj)


def test_the_lesion_is_the_whole_tumour(written: Path) -> None:
    labels = voxels(written, "sub-CBICA0001", "regions_mask")
    assert set(np.unique(labels)) == {0, 1, 2, 4}
    np.testing.assert_array_equal(voxels(written, "sub-CBICA0001", "lesion_mask"), labels > 0)


def test_images_and_masks_of_a_set_share_one_grid(written: Path) -> None:
    for subject, shape, codes in (("CBICA0001", (120, 120, 78), "LPS"), ("ISBI0001", (91, 109, 91), "RAS")):
        files = sorted(written.rglob(f"sub-{subject}_*.nii.gz"))
        images = [nibabel.load(path) for path in files]
        assert len(images) == 7
        assert {image.shape for image in images} == {shape}
        assert {"".join(nibabel.aff2axcodes(image.affine)) for image in images} == {codes}
        for image in images[1:]:
            np.testing.assert_array_equal(image.affine, images[0].affine)


def test_nothing_lies_outside_the_brain(written: Path) -> None:
    for subject in ("sub-CBICA0001", "sub-ISBI0002"):
        outside = voxels(written, subject, "brain_mask") == 0
        for name in ("T1", "T2", "FLAIR"):
            assert not voxels(written, subject, name)[outside].any()
        assert not voxels(written, subject, "lesion_mask")[outside].any()


def test_examinations_of_a_patient_show_the_same_brain(written: Path) -> None:
    first, second = (voxels(written, f"sub-ISBI000{number}", "brain_mask") for number in (1, 2))
    assert np.mean(first == second) > 0.999
    early, late = (voxels(written, f"sub-ISBI000{number}", "lesion_mask") > 0 for number in (1, 2))
    assert late[early].mean() > 0.6
    images = [voxels(written, f"sub-ISBI000{number}", "T2") for number in (1, 2)]
    assert not np.array_equal(*images)


def test_raters_agree_but_not_everywhere(written: Path) -> None:
    one = voxels(written, "sub-ISBI0001", "lesion_mask") > 0
    other = voxels(written, "sub-ISBI0001", "second_rater_mask") > 0
    assert 0.6 < 2 * (one & other).sum() / (one.sum() + other.sum()) < 0.97


def test_truth_tells_what_was_drawn(written: Path) -> None:
    truth = json.loads((written / "sub-CBICA0001/sub-CBICA0001_truth.json").read_text())
    assert (truth["center"], truth["grade"]) == ("CBICA", "HGG")
    assert set(truth["sequences"]) == {"T1", "T1c", "T2", "FLAIR"}
    assert truth["sequences"]["T1c"]["agent"]
    assert not truth["sequences"]["T1"]["agent"]
    lesion = truth["lesion"]
    assert lesion["mask_ml"] == pytest.approx(sum(lesion["simulated_ml"].values()), rel=0.2)
    plaques = json.loads((written / "sub-ISBI0002/sub-ISBI0002_truth.json").read_text())["lesion"]
    assert plaques["visit"] == 2
    assert len(plaques["plaques"]) > 3
