"""What is simulated and written: same seed, same bytes; images, masks and truth that agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from study.config import Phantom
from study.phantoms import (
    PhantomFiles,
    PhantomSubject,
    phantom_files,
    phantom_folder,
    phantom_roster,
    simulate_phantoms,
)
from study.phantoms.write import write_subject

CHOSEN = ("sub-CHSF0001", "sub-MATAR0009", "sub-ISLES0002", "sub-JHU0002", "sub-FOCH0001")


Written = dict[str, tuple[PhantomSubject, PhantomFiles, dict[str, Any]]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """One subject of five centers; the one of MATAR is a control scan."""
    folder = tmp_path_factory.mktemp("phantoms")
    found = {}
    for subject in phantom_roster(Phantom()):
        if subject.id in CHOSEN:
            write_subject(subject, Phantom(), folder)
            truth = json.loads((folder / subject.id / f"{subject.id}_truth.json").read_text())
            found[subject.center] = (subject, phantom_files(subject, folder), truth)
    return found


def voxels(files: Mapping[str, Path], name: str) -> tuple[np.ndarray, np.ndarray]:
    image = nibabel.load(files[name])
    return np.asanyarray(image.dataobj), image.affine


def volume_ml(mask: np.ndarray, affine: np.ndarray) -> float:
    return float(mask.sum() * abs(np.linalg.det(affine[:3, :3])) / 1000)


def digest(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_same_bytes_in_parallel_and_alone(tmp_path: Path) -> None:
    settings = Phantom(centers=("ISLES",), subjects_per_center=2)
    simulate_phantoms(settings, tmp_path)
    alone = tmp_path / "alone"
    alone.mkdir()
    roster = phantom_roster(settings)
    for subject in roster:
        write_subject(subject, settings, alone)
    folder = phantom_folder(settings, tmp_path)
    together = digest(folder)
    table = (folder / "participants.tsv").read_text()
    assert table.splitlines()[1] == "sub-ISLES0001\tISLES\tISLES0001\tn/a\tno"
    del together["participants.tsv"]
    assert len(together) == 10  # two images, two masks and the truth of each
    assert together == digest(alone)
    files = [phantom_files(subject, folder) for subject in roster]
    assert all(path.exists() for one in files for path in [*one.images.values(), *one.masks.values()])


def test_a_complete_cohort_is_left_alone(tmp_path: Path) -> None:
    settings = Phantom(centers=("ISLES",), subjects_per_center=1)
    folder = phantom_folder(settings, tmp_path)
    folder.mkdir(parents=True)
    (folder / "participants.tsv").write_text("")
    simulate_phantoms(settings, tmp_path)
    assert [path.name for path in folder.iterdir()] == ["participants.tsv"]


@pytest.mark.parametrize("change", [{"seed": 7}, {"randomisation": 1.0}])
def test_other_settings_other_images(written: Written, tmp_path: Path, change: dict[str, Any]) -> None:
    subject, files, _ = written["ISLES"]
    write_subject(subject, Phantom(**change), tmp_path)
    other = phantom_files(subject, tmp_path).images["DWI"]
    assert files.images["DWI"].read_bytes() != other.read_bytes()


def test_images_and_masks_are_those_of_the_center(written: Written) -> None:
    assert {center: set(files.images) for center, (_, files, _) in written.items()} == {
        "CHSF": {"ADC", "B0", "DWI", "SWAN", "PHASE"},
        "MATAR": {"ADC", "B0", "DWI", "SWAN", "PHASE"},
        "ISLES": {"ADC", "DWI"},
        "JHU": {"ADC", "B0", "DWI", "SWI"},
        "FOCH": {"B0", "DWI", "SWAN"},
    }
    assert {center: set(files.masks) for center, (_, files, _) in written.items()} == {
        "CHSF": {"lesion", "thrombus", "brain"},
        "MATAR": {"lesion", "thrombus", "brain"},
        "ISLES": {"lesion", "brain"},
        "JHU": {"lesion", "brain"},
        "FOCH": {"thrombus", "brain"},
    }


def test_masks_lie_on_the_grid_of_their_image(written: Written) -> None:
    assert len(written) == len(CHOSEN)
    for _, files, _ in written.values():
        assert files.masks
        for name in files.masks:
            image = ("SWAN" if "SWAN" in files.images else "SWI") if name == "thrombus" else "DWI"
            mask, affine = voxels(files.masks, name)
            data, expected = voxels(files.images, image)
            assert mask.shape == data.shape
            assert set(np.unique(mask)) <= {0, 1}
            np.testing.assert_array_equal(affine, expected)


@pytest.mark.parametrize(
    ("center", "orientation"),
    [("CHSF", "RAS"), ("MATAR", "LPS"), ("ISLES", "LAS"), ("JHU", "LPS"), ("FOCH", "LAS")],
)
def test_orientation_is_that_of_the_center_and_slices_are_oblique(
    written: Written, center: str, orientation: str
) -> None:
    _, affine = voxels(written[center][1].images, "DWI")
    assert "".join(nibabel.aff2axcodes(affine)) == orientation
    assert np.abs(affine[:3, :3]).min() > 0


def test_diffusion_is_coarse_and_susceptibility_fine(written: Written) -> None:
    for center in ("CHSF", "MATAR"):
        spacing = {
            name: np.linalg.norm(voxels(written[center][1].images, name)[1][:3, :3], axis=0)
            for name in ("DWI", "SWAN")
        }
        assert (spacing["SWAN"] < spacing["DWI"]).all()
        assert 4 < spacing["DWI"][2] < 5.5


def test_brains_are_as_large_as_brains_and_the_rest_is_zero(written: Written) -> None:
    assert len(written) == len(CHOSEN)
    for _, files, _ in written.values():
        brain, affine = voxels(files.masks, "brain")
        assert 900 < volume_ml(brain, affine) < 1800
        assert not voxels(files.images, "DWI")[0][brain == 0].any()


def test_volume_asked_for_is_the_volume_written(written: Written) -> None:
    for center in ("CHSF", "ISLES", "JHU"):
        _, files, truth = written[center]
        mask, affine = voxels(files.masks, "lesion")
        found = volume_ml(mask, affine)
        assert found == pytest.approx(truth["lesion"]["mask_ml"], rel=1e-3)
        voxel = abs(np.linalg.det(affine[:3, :3])) / 1000
        assert found == pytest.approx(truth["lesion"]["requested_ml"], rel=0.1, abs=2 * voxel)


def test_clot_has_its_volume_and_lies_on_the_side_of_the_infarct(written: Written) -> None:
    _, files, truth = written["CHSF"]
    mask, affine = voxels(files.masks, "thrombus")
    assert volume_ml(mask, affine) == pytest.approx(truth["thrombus"]["requested_ml"], rel=0.35)
    places = {}
    for name in ("lesion", "thrombus"):
        mask, affine = voxels(files.masks, name)
        places[name] = affine[:3, :3] @ np.argwhere(mask).mean(axis=0) + affine[:3, 3]
        np.testing.assert_allclose(places[name], truth[name]["position_mm"], atol=3)
    sides = {name: np.sign(place[0] - truth["midline_mm"]) for name, place in places.items()}
    assert sides["lesion"] == sides["thrombus"] == (1 if truth["lesion"]["side"] == "right" else -1)


def test_a_control_scan_has_empty_masks(written: Written) -> None:
    subject, files, truth = written["MATAR"]
    assert subject.kind == "control"
    assert truth["lesion"] is None
    assert not any(voxels(files.masks, name)[0].any() for name in ("lesion", "thrombus"))


def test_stored_images_obey_the_diffusion_equation(written: Written) -> None:
    _, files, truth = written["CHSF"]
    assert truth["acquisition"]["adc_unit"] == "1e-6 mm2/s"
    b0, dwi, adc = (voxels(files.images, name)[0].astype(float) for name in ("B0", "DWI", "ADC"))
    bright = dwi > np.median(dwi[dwi > 0])
    expected = b0[bright] * np.exp(-truth["acquisition"]["b_s_per_mm2"] * adc[bright] * 1e-6)
    np.testing.assert_allclose(dwi[bright], expected, rtol=0.01)


def test_the_infarct_has_less_diffusion_than_the_brain(written: Written) -> None:
    _, files, truth = written["JHU"]
    assert truth["lesion"]["adc_ratio"] < 0.8
    adc, lesion = voxels(files.images, "ADC")[0], voxels(files.masks, "lesion")[0] > 0
    brain = voxels(files.masks, "brain")[0] > 0
    assert np.median(adc[lesion]) < 0.85 * np.median(adc[brain & ~lesion])


def test_the_clot_is_dark_in_swan(written: Written) -> None:
    _, files, _ = written["CHSF"]
    swan, mask = voxels(files.images, "SWAN")[0], voxels(files.masks, "thrombus")[0] > 0
    assert np.median(swan[mask]) < 0.7 * np.median(swan[swan > 0])


def test_truth_tells_everything_that_was_drawn(written: Written) -> None:
    subject, _, truth = written["CHSF"]
    assert (truth["id"], truth["patient"], truth["center"]) == (subject.id, subject.patient, "CHSF")
    assert {"vendor", "field_t", "te_ms", "tr_ms", "b_s_per_mm2", "snr", "gain"} <= set(truth["acquisition"])
    assert {"kind", "phase", "side", "adc_ratio", "t2_ratio", "requested_ml", "mask_ml"} <= set(
        truth["lesion"]
    )
    assert {"old_lesions", "white_matter_hyperintensities", "calcifications"} <= set(truth["distractors"])
    assert set(truth["tissues"]["white"]) == {"pd", "t1_ms", "t2_ms", "adc", "chi_ppm", "r2_star"}


def test_nothing_half_written_is_left_when_the_folder_cannot_be_written(tmp_path: Path) -> None:
    subject = phantom_roster(Phantom(centers=("ISLES",), subjects_per_center=1))[0]
    (tmp_path / "derivatives").write_text("in the way")
    with pytest.raises(OSError, match="derivatives"):
        write_subject(subject, Phantom(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["derivatives"]
