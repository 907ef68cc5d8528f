"""Arrays to NIfTI, on the grid and in the orientation of the file that they are predicted from."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from study.errors import ConfigError
from study.machine.files import atomic

GEOMETRY = (
    *("pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)


def write_mask(path: Path, data: NDArray[Any], like: Path) -> None:
    """Write a mask [D, H, W] as uint8; see `write_volume`."""
    _write(path, np.asarray(data, bool).astype(np.uint8), like)


def write_volume(path: Path, data: NDArray[Any], like: Path) -> None:
    """Write float32 [D, H, W], RAS+ as `read_volume` gives, on the grid and in the orientation of `like`.

    Only the geometry of the header of `like` is copied: no text, no dates, no names.

    Raises:
        ConfigError: `path` does not end in .nii or .nii.gz.
        ValueError: the shapes differ.
    """
    _write(path, np.asarray(data, np.float32), like)


def _write(path: Path, data: NDArray[Any], like: Path) -> None:
    if not path.name.endswith((".nii", ".nii.gz")):
        raise ConfigError([f"{path}: a mask or volume is written as .nii or .nii.gz; change the file's name"])
    source = nib.load(like)
    back = ornt_transform(axcodes2ornt("RAS"), io_orientation(source.affine))
    array = apply_orientation(data.T, back)
    if array.shape != source.shape[:3]:
        raise ValueError(f"data must have the shape of {like}, {source.shape[:3]}, got {array.shape}")
    image = nib.Nifti1Image(np.ascontiguousarray(array), source.affine)
    if isinstance(source.header, nib.Nifti1Header):
        for name in GEOMETRY:
            image.header[name] = source.header[name]
        image.header["pixdim"][4:] = 1
    content = image.to_bytes()
    with atomic(path) as temporary:
        temporary.write_bytes(gzip.compress(content, 6, mtime=0) if path.name.endswith(".gz") else content)
