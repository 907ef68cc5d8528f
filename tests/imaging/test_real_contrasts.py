"""Real scans with any two of their modalities exchanged: no false alarm, and what is found of the mistakes."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study.config import Imaging
from study.errors import CohortError
from study.imaging.intensities import Intensities
from study.imaging.likeness import IntensityFingerprint
from study.imaging.measure import measure
from study.imaging.plausible import implausible
from study.imaging.scan import read_scan
from study.imaging.stack import stack

FOLDER = os.environ.get("STUDY_REAL_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="STUDY_REAL_DATA names no folder with real scans")
ROOT = Path(FOLDER or ".")
# Certain mistakes; in others (DWI for FLAIR) physics says nothing.
CERTAIN = [{"DWI", "ADC"}, {"DWI", "B0"}, {"ADC", "B0"}, {"ADC", "FLAIR"}, {"T1W", "T2W"}]
CERTAIN += [{"FLAIR", "T2W"}, {"FLAIR", "T1W"}]


def isles(number: str) -> dict[str, Path]:
    name = f"sub-strokecase{number}"
    folder = ROOT / "ISLES-2022" / name / "ses-0001"
    images = {kind.upper(): folder / "dwi" / f"{name}_ses-0001_{kind}.nii.gz" for kind in ("dwi", "adc")}
    flair = folder / "anat" / f"{name}_ses-0001_FLAIR.nii.gz"
    return {**images, "FLAIR": flair} if flair.is_file() else images


def umcl(patient: str) -> dict[str, Path]:
    return {name: ROOT / "UMCL" / f"patient{patient}" / f"{name}.nii.gz" for name in ("FLAIR", "T1W", "T2W")}


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """ISLES, UMCL, and B0, DWI and ADC of a series that is not skull-stripped."""
    found = {f"isles{number}": isles(number) for number in ("0001", "0002", "0009")}
    found |= {f"umcl{patient}": umcl(patient) for patient in ("07", "26")}
    series = next((ROOT / "ds000114").glob("*.nii.gz"))
    image, weights = nib.load(series), np.loadtxt(next((ROOT / "ds000114").glob("*.bval")))
    volumes = np.maximum(image.get_fdata(), 1)
    b0, dwi = volumes[..., weights < 50].mean(-1), np.exp(np.log(volumes[..., weights > 50]).mean(-1))
    derived = {"B0": b0, "DWI": dwi, "ADC": np.maximum(np.log(b0 / dwi), 0)}
    folder = tmp_path_factory.mktemp("series")
    for name, data in derived.items():
        nib.save(nib.Nifti1Image(data.astype(np.float32), image.affine), folder / f"{name}.nii")
    found["series"] = {name: folder / f"{name}.nii" for name in derived}
    return found


def look(images: dict[str, Path]) -> Intensities:
    """What is measured of files; raises CohortError where they are refused before."""
    ordered = [name for name in ("DWI", "ADC", "B0", "FLAIR", "T1W", "T2W") if name in images]
    scan = read_scan(images, ordered, None, {}, None, "input")
    stacked = stack(scan, None, Imaging())
    if scan.problems or stacked.problems:
        raise CohortError([*scan.problems, *stacked.problems])
    return measure(scan.volumes, stacked)


def test_no_real_scan_raises_an_alarm(subjects: dict[str, dict[str, Path]]) -> None:
    for name, images in subjects.items():
        assert implausible(look(images)) == (), name


def test_exchanged_files_of_real_scans_are_certain_mistakes(subjects: dict[str, dict[str, Path]]) -> None:
    tried = 0
    for subject, images in subjects.items():
        for first, second in combinations(images, 2):
            if {first, second} not in CERTAIN:
                continue
            tried += 1
            try:
                found = implausible(look({**images, first: images[second], second: images[first]}))
            except CohortError as error:
                assert "its unit is not recognised" in str(error)  # noqa: PT017
                continue
            assert [set(each.modalities) for each in found if each.certain] == [{first, second}], subject
    assert tried == 3 + 1 + 2 * 3 + 3


def test_real_adc_as_dwi_is_doubted_with_nothing_beside_it() -> None:
    for number in ("0001", "0002", "0009"):
        adc = isles(number)["ADC"]
        (found,) = implausible(look({"DWI": adc}))
        assert "fluid should be dark in DWI" in found.what


def test_a_reference_mask_as_a_modality_is_a_certain_mistake() -> None:
    images = isles("0001")
    mask = next((ROOT / "ISLES-2022/derivatives/sub-strokecase0001").rglob("*_msk.nii.gz"))
    (found,) = implausible(look({"DWI": images["DWI"], "ADC": images["ADC"], "B0": mask}))
    assert (found.modalities, found.certain) == (("B0",), True)


def test_real_scans_resemble_each_other_and_not_their_exchange() -> None:
    three = {number: isles(number) for number in ("0001", "0002", "0009")}
    images = {number: {name: found[name] for name in ("DWI", "ADC")} for number, found in three.items()}
    fingerprint = IntensityFingerprint.of([look(found) for found in images.values()])
    for found in images.values():
        assert fingerprint.compare(look(found)) == ()
        (exchange, *_) = fingerprint.compare(look({"DWI": found["ADC"], "ADC": found["DWI"]}))
        assert exchange.certain
