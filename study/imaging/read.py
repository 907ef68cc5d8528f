"""NIfTI files to volumes [D, H, W] in RAS+ orientation; files that cannot be used are reported, never guessed at."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from study.cohort.records import Labels
from study.config.imaging import MOST_VOXELS
from study.errors import CohortError, Problem
from study.imaging.nifti import PADDING, Header, OverlongError, open_nifti, read_header, read_voxels
from study.imaging.volume import Grid, Volume

UNREADABLE = (
    OSError,
    EOFError,
    OverflowError,
    ValueError,
    zlib.error,
    HeaderDataError,
    WrapStructError,
    MemoryError,
)

SPACING_MM = (0.01, 50.0)  # outside of it, a header is wrong
FARTHEST_MM = 1e6  # from the scanner's center
FLATTEST = 1e-3  # volume of a voxel, over that of a box with the same edges: below it, axes are parallel
MEGABYTE = 10**6


@np.errstate(all="ignore")  # damaged headers overflow
def read_volume(path: Path, subject: str, most_voxels: int = MOST_VOXELS) -> Volume:
    """Read an image as float32 [D, H, W], transposed from the closest canonical (RAS+) orientation.

    Args:
        path: a `.nii` or `.nii.gz` file.
        subject: its name in problems.
        most_voxels: a larger image is refused before any memory is taken (`imaging.most_voxels`).

    Raises:
        CohortError: one problem: missing, unreadable, truncated, too large, not 3D, without geometry, or NaN voxels.
    """
    header = check_header(path, subject, most_voxels)
    try:
        with open_nifti(path) as stream:
            stored = read_voxels(stream, header)
    except UNREADABLE as error:
        raise _unreadable(path, subject, error) from None
    orientation = io_orientation(header.affine)
    data = np.ascontiguousarray(apply_orientation(stored.T, orientation).T)
    if bad := int(data.size - np.isfinite(data).sum()):
        raise _problem(
            subject,
            path,
            f"{bad} of {data.size} voxels are NaN or infinite",
            "export it again, or set them to 0 if they lie outside the brain",
        )
    canonical = header.affine @ inv_ornt_aff(orientation, header.shape[:3])
    depth, height, width = data.shape
    return Volume(data, Grid((depth, height, width), canonical @ np.eye(4)[[2, 1, 0, 3]]))


def read_mask(
    path: Path, subject: str, most_voxels: int = MOST_VOXELS, labels: Labels | None = None
) -> Volume:
    """Read a mask of 0 and 1 (or 0 and 255), or a label map, as uint8 [D, H, W] of 0 and 1; it may be empty.

    Args:
        path: a `.nii` or `.nii.gz` file.
        subject: its name in problems.
        most_voxels: as in `read_volume`.
        labels: of a label map, all of which count; None expects a binary mask.

    Raises:
        CohortError: one problem: one of `read_volume`'s, a mask that is not binary, or a label that is not among those.
    """
    volume = read_volume(path, subject, most_voxels)
    data = volume.data
    if labels is not None:
        return Volume(_of_labels(data, labels, path, subject), volume.grid)
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


def _of_labels(data: NDArray[np.float32], labels: Labels, path: Path, subject: str) -> NDArray[np.uint8]:
    """Where a label map has any of its labels."""
    found = np.unique(data)
    if unknown := [float(value) for value in found if value != 0 and value not in labels.names]:
        known = ", ".join(f"{value} ({name})" for value, name in labels.names.items())
        shown = ", ".join(f"{value:g}" for value in unknown[:5]) + (", …" if len(unknown) > 5 else "")
        raise _problem(subject, path, f"the mask holds {shown}, and its labels are {known}", labels.remedy)
    return np.asarray(data != 0, np.uint8)


@np.errstate(all="ignore")
def check_header(path: Path, subject: str, most_voxels: int = MOST_VOXELS) -> Header:
    """Read and judge a file's header and its size on disk; its voxels are neither read nor unpacked.

    Raises:
        CohortError: one problem, as `read_volume`'s.
    """
    if not path.is_file():
        raise _problem(
            subject,
            path,
            "there is no such file",
            "correct the path, or leave the entry empty if there is none",
        )
    try:
        with open_nifti(path) as stream:
            header = read_header(stream)
        size = path.stat().st_size
    except UNREADABLE as error:
        raise _unreadable(path, subject, error) from None
    problem = _content_fault(header, size, most_voxels) or _geometry_fault(header)
    if problem:
        raise _problem(subject, path, *problem)
    return header


def _content_fault(header: Header, size: int, most_voxels: int) -> tuple[str, str] | None:
    """What is wrong with the number and kind of voxels, with the remedy; `size` is the file's in bytes."""
    shape = header.shape
    if len(shape) < 3 or any(length != 1 for length in shape[3:]) or min(shape) < 1:
        return f"its shape is {_times(shape)}, not 3D", "store one volume of the series per file"
    if header.dtype.kind not in "biuf":
        kind = "complex numbers" if header.dtype.kind == "c" else "colours"
        return f"its voxels are {kind}", "store real numbers, one per voxel"
    if header.voxels > most_voxels:
        what = (
            f"its header announces {_times(shape)} voxels, {header.voxels / most_voxels:.3g} times as many as"
        )
        return (
            f"{what} a scan may have ({most_voxels})",
            "correct the header, crop or downsample the scan, or raise imaging.most_voxels if it is that large",
        )
    if size > 1.01 * header.size + PADDING:  # a hundredth: compression may enlarge a little
        what = (
            f"it is {size / MEGABYTE:.1f} MB large where its header announces {header.size / MEGABYTE:.1f} MB"
        )
        return what, "copy or export it again"
    return None


def _geometry_fault(header: Header) -> tuple[str, str] | None:
    affine = header.affine
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    if (
        not np.isfinite(affine).all()
        or np.isnan(io_orientation(affine)).any()
        or abs(np.linalg.det(affine[:3, :3] / spacing_mm)) < FLATTEST
        or np.abs(affine[:3, 3]).max() > FARTHEST_MM
    ):
        return (
            "its header gives no position in space (sform and qform are singular or far off)",
            "convert it again from DICOM, or copy the header of an image on the same grid",
        )
    if spacing_mm.min() < SPACING_MM[0] or spacing_mm.max() > SPACING_MM[1]:
        shown = "×".join(f"{value:.3g}" for value in spacing_mm)
        return (
            f"its voxels measure {shown} mm, which no scan of a head does",
            "correct the spacing in its header (millimetres)",
        )
    return None


def _times(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _unreadable(path: Path, subject: str, error: BaseException) -> CohortError:
    if isinstance(error, PermissionError):
        return _problem(subject, path, "no permission to read it", "give this account read access")
    if isinstance(error, EOFError | zlib.error) or (isinstance(error, OSError) and error.errno is None):
        return _problem(subject, path, "it is truncated or damaged", "copy or export it again")
    if isinstance(error, MemoryError):
        return _problem(
            subject, path, "it does not fit into memory", "check its header, or use a larger machine"
        )
    if isinstance(error, OverlongError):
        return _problem(subject, path, "it holds more than its header announces", "copy or export it again")
    return _problem(
        subject, path, "it cannot be read as NIfTI", "give a .nii or .nii.gz file; convert or copy it again"
    )


def _problem(subject: str, path: Path, what: str, remedy: str) -> CohortError:
    return CohortError([Problem(subject, path, what, remedy)])
