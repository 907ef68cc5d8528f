"""The midsagittal plane of real scans that are turned and moved; runs where STUDY_REAL_DATA names their folder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from study.config import Imaging
from study.imaging.channels.midsagittal import find_plane
from study.imaging.scan import read_scan
from study.imaging.stack import stack

FOLDER = os.environ.get("STUDY_REAL_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="STUDY_REAL_DATA names no folder with real scans")
SIDE_MM = 2.0
AROUND = 20  # voxels that are added, so that nothing is turned out of the volume


@pytest.mark.parametrize("number", ["0001", "0002", "0009"])
def test_the_plane_turns_and_moves_with_the_head(number: str) -> None:
    name = f"sub-strokecase{number}"
    file = Path(FOLDER or ".") / "ISLES-2022" / name / "ses-0001" / "dwi" / f"{name}_ses-0001_dwi.nii.gz"
    scan = read_scan({"DWI": file}, ["DWI"], None, {}, None, number)
    prepared = stack(scan, [SIDE_MM] * 3, Imaging())
    image, inside = (np.pad(one["DWI"], AROUND) for one in (prepared.images, prepared.inside))
    plane = find_plane(image, inside, [SIDE_MM] * 3)
    for degrees, shift in (((-14, 6), 3), ((20, -10), -5)):
        turn = Rotation.from_euler("xy", degrees, degrees=True).as_matrix()
        middle = (np.array(image.shape) - 1) / 2
        offset = middle - turn @ middle + turn @ [0, 0, shift]
        turned, brain = (
            ndimage.affine_transform(values.astype(np.float32), turn, offset, order=1)
            for values in (image, inside)
        )
        found = find_plane(turned, brain > 0.5, [SIDE_MM] * 3)
        normal = turn.T @ plane.normal
        on_plane = turn.T @ (np.array(plane.normal) * plane.distance_mm / SIDE_MM - offset) * SIDE_MM
        assert np.degrees(np.arccos(min(float(normal @ found.normal), 1))) < 1
        assert abs(float(on_plane @ found.normal) - found.distance_mm) < 1
