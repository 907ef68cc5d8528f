"""A scan to predict from that is too large for memory, or says so."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from study import predict
from study.commandline import run_command

Scan = Callable[..., dict[str, Path]]


def exit_code(*arguments: str) -> int:
    """Of study.predict."""
    try:
        run_command(predict.main, list(arguments))
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def bomb(path: Path) -> Path:
    """A file of a few hundred bytes whose header announces 8 TB."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((10_000, 10_000, 10_000))
    with gzip.open(path, "wb") as file:
        header.write_to(file)
    return path


def test_a_scan_with_more_voxels_than_wanted_is_refused_before_memory_is_taken(
    bundle_path: Path, scan: Scan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, out = scan(tmp_path, "s", 1)["DWI"], tmp_path / "mask.nii.gz"
    voxels = int(np.prod(nib.load(image).shape))
    more = [f"bundle={bundle_path}", f"DWI={image}", f"out={out}"]
    assert exit_code(*more, f"imaging.most_voxels={voxels - 1}") != 0
    said = capsys.readouterr().err
    assert f"{image}: its header announces" in said
    assert "raise imaging.most_voxels if it is that large" in said
    assert not out.exists()
    tracemalloc.start()
    assert exit_code(f"bundle={bundle_path}", f"DWI={bomb(tmp_path / 'bomb.nii.gz')}", f"out={out}") != 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6
    assert "its header announces 10000×10000×10000 voxels" in capsys.readouterr().err
    assert exit_code(*more, f"imaging.most_voxels={10 * voxels}") == 0
    assert out.exists()
