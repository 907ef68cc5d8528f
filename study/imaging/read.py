"""NIfTI files to volumes [D, H, W] in RAS+ orientation; what cannot be used is named, not guessed."""

from __future__ import annotations

import gzip
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import io_orientation
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from study.errors import CohortError, Problem
from study.imaging.volume import Grid, Volume

UNREADABLE = (
    OSError,
    EOFError,
    OverflowError,
    ValueError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
    WrapStructError,
)

SPACING_MM = (0.01, 50.0)  # beyond it a header is wrong


@np.errstate(all="ignore")  # damaged headers overflow
def read_volume(path: Path, subject: str) -> Volume:
    """Read an image as float32 [D, H, W], transposed from the closest canonical (RAS+) orientation.

    Raises CohortError with one problem: missing, unreadable, truncated, not 3D, without geometry, NaN voxels.
    """
    image = _open(path, subject)
    _check_header(image, path, subject)
    try:
        stored = np.asanyarray(image.dataobj)[
            (..., *[0] * (image.ndim - 3))
        ]  # `slicer` would reorder it in memory
        canonical = nib.as_closest_canonical(type(image)(stored, image.affine, image.header))
        data = np.ascontiguousarray(canonical.get_fdata(dtype=np.float32, caching="unchanged").T)
    except (*UNREADABLE, MemoryError) as error:
        raise _unreadable(path, subject, error) from None
    if bad := int(data.size - np.isfinite(data).sum()):
        raise _problem(
            subject,
            path,
            f"{bad} of {data.size} voxels are NaN or infinite",
            "export it again, or set them to 0 if they lie outside the brain",
        )
    affine = canonical.affine @ np.eye(4)[[2, 1, 0, 3]]
    depth, height, width = data.shape
    return Volume(data, Grid((depth, height, width), affine))


def read_mask(path: Path, subject: str) -> Volume:
    """Read a mask of 0 and 1 (or 0 and 255) as uint8 [D, H, W]; empty is legal.

    Raises CohortError with one problem: those of `read_volume`, or other values than two.
    """
    volume = read_volume(path, subject)
    data = volume.data
    top = 255 if data.size and data.max() > 254 else 1
    mask = data > top / 2
    if np.abs(data - mask * top).max() > 1e-3:
        found = np.unique(data)
        shown = ", ".join(f"{value:g}" for value in found[:5]) + (", …" if len(found) > 5 else "")
        raise _problem(
            subject,
            path,
            f"the mask is not binary: it holds {len(found)} values ({shown})",
            "write one mask of 0 and 1 per target",
        )
    return Volume(mask.astype(np.uint8), volume.grid)


def _open(path: Path, subject: str) -> Any:
    if not path.is_file():
        raise _problem(
            subject,
            path,
            "there is no such file",
            "correct the path, or leave the entry empty if there is none",
        )
    try:
        if path.suffix != ".gz":
            return nib.load(path)
        content = gzip.decompress(path.read_bytes())  # in one go: fast, and the checksum at the end is tested
        kind = nib.Nifti2Image if content[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nib.Nifti1Image
        return kind.from_stream(BytesIO(content))
    except (*UNREADABLE, MemoryError) as error:
        raise _unreadable(path, subject, error) from None


def _check_header(image: Any, path: Path, subject: str) -> None:
    shape = image.shape
    if len(shape) < 3 or any(size != 1 for size in shape[3:]) or 0 in shape:
        shown = "×".join(map(str, shape))
        raise _problem(
            subject, path, f"its shape is {shown}, not 3D", "store one volume of the series per file"
        )
    if image.get_data_dtype().kind not in "biuf":
        kind = "complex numbers" if image.get_data_dtype().kind == "c" else "colours"
        raise _problem(subject, path, f"its voxels are {kind}", "store real numbers, one per voxel")
    affine = image.affine
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or np.isnan(io_orientation(affine)).any():
        raise _problem(
            subject,
            path,
            "its header gives no position in space (sform and qform are singular)",
            "convert it again from DICOM, or copy the header of an image on the same grid",
        )
    if spacing_mm.min() < SPACING_MM[0] or spacing_mm.max() > SPACING_MM[1]:
        shown = "×".join(f"{value:.3g}" for value in spacing_mm)
        raise _problem(
            subject,
            path,
            f"its voxels measure {shown} mm, which no scan of a head does",
            "correct the spacing in its header (millimetres)",
        )


def _unreadable(path: Path, subject: str, error: BaseException) -> CohortError:
    if isinstance(error, PermissionError):
        return _problem(subject, path, "no permission to read it", "give this account read access")
    if isinstance(error, EOFError | zlib.error) or (isinstance(error, OSError) and error.errno is None):
        return _problem(subject, path, "it is truncated or damaged", "copy or export it again")
    if isinstance(error, MemoryError):
        return _problem(
            subject, path, "it does not fit into memory", "check its header, or use a larger machine"
        )
    return _problem(
        subject, path, "it cannot be read as NIfTI", "give a .nii or .nii.gz file; convert or copy it again"
    )


def _problem(subject: str, path: Path, what: str, remedy: str) -> CohortError:
    return CohortError([Problem(subject, path, what, remedy)])
