"""Phantoms of UMCL beside two real patients: contrasts of grey matter, fluid and lesions."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from study.config import Phantom
from study.phantoms.roster import phantom_roster
from study.phantoms.simulate import simulate

FOLDER = os.environ.get("STUDY_REAL_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="STUDY_REAL_DATA names no folder with real scans")
ROOT = Path(FOLDER or ".") / "UMCL"
NEAR = {  # factor by which a phantom's contrast to white matter may differ
    "T1": {"grey": 1.15, "lesion": 1.25},
    "T2": {"grey": 1.25, "fluid": 1.35, "lesion": 1.2},
    "FLAIR": {"grey": 1.2, "lesion": 1.2},
}


def real(patient: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    def voxels(name: str) -> np.ndarray:
        return np.asarray(nibabel.load(ROOT / patient / f"{name}.nii.gz").dataobj, float)

    images = {"T1": voxels("T1W"), "T2": voxels("T2W"), "FLAIR": voxels("FLAIR")}
    return images, voxels("consensus_gt") > 0


def simulated(number: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    settings = Phantom(centers=("UMCL",), size="full", seed=1)
    found = simulate(phantom_roster(settings)[number], settings)
    images = {name: found.images[name][0].astype(float) for name in ("T1", "T2", "FLAIR")}
    return images, found.masks["lesion"][0] > 0


def contrasts(images: dict[str, np.ndarray], lesion: np.ndarray) -> dict[str, dict[str, float]]:
    """Medians of tissues over that of white matter, told by T1 and T2; the outermost 8 mm are left out."""
    t1, t2 = images["T1"], images["T2"]
    inner = ndimage.binary_erosion(ndimage.binary_fill_holes(t1 > 20), iterations=8)
    inner &= ~ndimage.binary_dilation(lesion, iterations=2)
    counts, edges = np.histogram(t1[inner], 100, (0, np.percentile(t1[inner], 99.9)))
    peak = edges[int(np.argmax(ndimage.gaussian_filter1d(counts.astype(float), 2)))]
    white = inner & (np.abs(t1 / peak - 1) < 0.06)
    level = np.median(t2[white])
    places = {
        "grey": inner & (np.abs(t1 / peak - 0.78) < 0.06) & (t2 < 1.5 * level),
        "fluid": ndimage.binary_erosion(inner & (t2 > 2.2 * level)),
        "lesion": lesion,
    }
    return {
        name: {
            where: float(np.median(image[there]) / np.median(image[white])) for where, there in places.items()
        }
        for name, image in images.items()
    }


def test_contrasts_are_near_those_of_two_patients() -> None:
    patients = [contrasts(*real(patient)) for patient in ("patient07", "patient26")]
    phantoms = [contrasts(*simulated(number)) for number in (0, 1)]
    for name, limits in NEAR.items():
        for tissue, factor in limits.items():
            one, other = (
                float(np.mean([found[name][tissue] for found in group])) for group in (patients, phantoms)
            )
            assert max(one / other, other / one) < factor, (name, tissue, one, other)
    for found in (*patients, *phantoms):
        assert found["FLAIR"]["fluid"] < 0.45
        assert found["T1"]["fluid"] < 0.4
