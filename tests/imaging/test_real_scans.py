from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from study.config import Imaging
from study.imaging.brain import derive_brain
from study.imaging.prepare import prepare_images
from study.imaging.prepared import Prepared
from study.imaging.read import read_volume
from study.imaging.register import find_rigid, motion_size
from study.imaging.volume import Grid, Volume
from study.imaging.write import write_mask

FOLDER = os.environ.get("STUDY_REAL_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="STUDY_REAL_DATA names no folder with real scans")
ROOT = Path(FOLDER or ".")
ISLES = ("0001", "0002", "0009")
VOLUMES_ML = {"0001": 6.68, "0002": 0.944, "0009": 4.184}  # 835, 118 and 523 voxels of 8 mm³


def isles(number: str) -> tuple[dict[str, Path], dict[str, Path]]:
    name = f"sub-strokecase{number}"
    folder = ROOT / "ISLES-2022" / name / "ses-0001"
    images = {kind.upper(): folder / "dwi" / f"{name}_ses-0001_{kind}.nii.gz" for kind in ("dwi", "adc")}
    flair = folder / "anat" / f"{name}_ses-0001_FLAIR.nii.gz"
    if flair.is_file():
        images["FLAIR"] = flair
    mask = ROOT / "ISLES-2022/derivatives" / name / "ses-0001" / f"{name}_ses-0001_msk.nii.gz"
    return images, {"lesion": mask}


def prepare(number: str, spacing_mm: tuple[float, float, float] = (2, 2, 2)) -> Prepared:
    images, masks = isles(number)
    modalities = ("DWI", "ADC", "FLAIR")
    return prepare_images(images, modalities, Imaging(), spacing_mm, masks=masks, target="lesion")


@pytest.mark.parametrize("number", ISLES)
def test_isles_subjects_are_prepared_whole(number: str) -> None:
    prepared = prepare(number)
    assert prepared.present == (True, True, number == "0009")
    assert prepared.target is not None
    assert prepared.native_target is not None
    # The ADC is in one unit, whatever the file's: a lesion lies below the brain's mean.
    assert prepared.image[1][prepared.target > 0].mean() < 0
    assert prepared.image[0][prepared.target > 0].mean() > 1
    # No voxel of the lesion is lost by the crop, none moves.
    assert prepared.target.sum() == prepared.native_target.sum()
    volume_ml = float(prepared.native_target.sum()) * prepared.native.voxel_volume_ml
    assert volume_ml == pytest.approx(VOLUMES_ML[number], rel=1e-3)
    np.testing.assert_array_equal(prepared.to_native(prepared.target) > 0.5, prepared.native_target > 0)


@pytest.mark.parametrize("number", ISLES)
def test_isles_brains_have_the_size_of_a_brain(number: str) -> None:
    volume = read_volume(isles(number)[0]["DWI"], number)
    assert 1000 < derive_brain(volume).sum() * volume.grid.voxel_volume_ml < 1700


def test_isles_flair_is_brought_onto_the_diffusion_grid() -> None:
    prepared = prepare("0009")
    inside = (prepared.image != 0).all(axis=0)
    assert inside.sum() > 0.9 * (prepared.image[0] != 0).sum()
    # Fluid is dark in FLAIR and has the highest ADC.
    fluid = inside & (prepared.image[1] > 2)
    assert prepared.image[2][fluid].mean() < -0.5


@pytest.mark.parametrize("number", ISLES)
def test_isles_masks_return_to_their_own_grid(number: str, tmp_path: Path) -> None:
    prepared = prepare(number, (3, 1.5, 1.5))
    images, masks = isles(number)
    assert prepared.target is not None
    back = prepared.to_native(prepared.target.astype(np.float32)) > 0.5
    write_mask(tmp_path / "mask.nii.gz", back, images["DWI"])
    written, drawn = nib.load(tmp_path / "mask.nii.gz"), nib.load(masks["lesion"])
    np.testing.assert_array_equal(written.affine, nib.load(images["DWI"]).affine)
    one, other = np.asanyarray(written.dataobj) > 0, np.asanyarray(drawn.dataobj) > 0
    assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.75


@pytest.mark.parametrize("patient", ["07", "26"])
def test_umcl_patients_are_prepared(patient: str, write_nifti: Callable) -> None:
    folder = ROOT / "UMCL" / f"patient{patient}"
    images = {name: folder / f"{name}.nii.gz" for name in ("FLAIR", "T1W", "T2W")}
    masks = {"lesion": folder / "consensus_gt.nii.gz"}
    prepared = prepare_images(images, ("FLAIR", "T1W", "T2W"), Imaging(), None, masks=masks, target="lesion")
    assert prepared.target is not None
    assert prepared.native_target is not None
    assert prepared.target.sum() == prepared.native_target.sum()
    assert prepared.image[0][prepared.target > 0].mean() > 0.3  # lesions are bright in FLAIR
    brain_ml = np.count_nonzero(prepared.image[0]) * prepared.grid.voxel_volume_ml
    assert 900 < brain_ml < 1700


def test_a_whole_diffusion_series_is_refused_and_a_volume_of_it_accepted(write_nifti: Callable) -> None:
    from study.errors import CohortError

    series = next((ROOT / "ds000114").glob("*.nii.gz"))
    with pytest.raises(CohortError, match="not 3D"):
        read_volume(series, "sub-01")
    image = nib.load(series)
    first = write_nifti("B0.nii.gz", np.asanyarray(image.dataobj)[..., 0], image.affine)
    volume = read_volume(first, "sub-01")
    head_ml = derive_brain(volume).sum() * volume.grid.voxel_volume_ml
    assert 1000 < head_ml < 5000  # not skull-stripped: the head


def test_isles_diffusion_is_registered_to_flair_wherever_its_header_puts_it() -> None:
    images, _ = isles("0009")
    dwi, flair = (read_volume(images[name], "0009") for name in ("DWI", "FLAIR"))
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", (4, -5, 3), degrees=True).as_matrix()
    motion[:3, 3] = (5, -6, 4)
    by_header = find_rigid(dwi, flair)
    # The header is good already; what is left is what the patient moved between the two.
    shift_mm, degrees = motion_size(by_header, dwi.grid)
    assert shift_mm < 2
    assert degrees < 2
    displaced = find_rigid(Volume(dwi.data, Grid(dwi.grid.shape, motion @ dwi.grid.affine)), flair)
    shift_mm, degrees = motion_size(displaced @ motion @ np.linalg.inv(by_header), dwi.grid)
    assert shift_mm < 0.5
    assert degrees < 0.5
