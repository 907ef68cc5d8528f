"""Whatever a file claims to be, scans are read or refused, in errors of ours; and an image of anything has a brain."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.config import Imaging
from study.errors import CohortError
from study.imaging.brain import derive_brain
from study.imaging.prepare import prepare_images
from study.imaging.read import read_mask, read_volume
from study.imaging.volume import Grid, Volume

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])
examples = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# Offset and struct code of fields of NIfTI-1: dim, datatype, bitpix, pixdim, vox_offset, scaling, codes, qform, sform.
FIELDS = [
    *((40 + 2 * index, "h") for index in range(8)), (70, "h"), (72, "h"),
    *((76 + 4 * index, "f") for index in range(8)), (108, "f"), (112, "f"), (116, "f"), (123, "B"),
    (252, "h"), (254, "h"), *((256 + 4 * index, "f") for index in range(18)), (344, "I"),
]  # fmt: skip
WHOLE = st.sampled_from(
    [0, 1, 2, 3, 4, 5, 7, 8, 16, 64, 127, 128, 255, 256, 512, 1536, 2304, 32767, -1, -32768]
)
REAL = st.sampled_from(
    [0.0, 1.0, -1.0, 0.005, 0.01, 0.5, 49.0, 50.0, 351.0, 352.5, 1e10, 3e38, -3e38, 1e-38, 1e-45]
    + [float(name) for name in ("nan", "inf", "-inf")]
)
CHANGES = st.lists(st.tuples(st.sampled_from(FIELDS), WHOLE, REAL), max_size=4)
FLIPS = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 7)), max_size=2)
TYPES = st.sampled_from([np.uint8, np.int16, np.float32, np.float64])


@pytest.fixture
def image(brain_image: np.ndarray) -> np.ndarray:
    return brain_image[2:12, 2:10, 1:7]  # 10×8×6


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[np.ndarray], tuple[str, bytes]]:
    """From an array to the name and content of a file that is damaged in its header, its voxels or its compression."""
    kind, stored = draw(st.sampled_from([nib.Nifti1Image, nib.Nifti1Image, nib.Nifti2Image])), draw(TYPES)
    changes, flips, outer = draw(CHANGES), draw(FLIPS), draw(FLIPS)
    compressed, kept = draw(st.booleans()), draw(st.sampled_from([1.0, 1.0, 1.0, 0.9, 0.3, 0.0]))

    def mutate(array: np.ndarray) -> tuple[str, bytes]:
        content = bytearray(kind((array * 100).astype(stored), AFFINE).to_bytes())
        for (offset, code), whole, real in changes if kind is nib.Nifti1Image else ():
            size = struct.calcsize(code)
            value = (
                real
                if code == "f"
                else whole % 256
                if code == "B"
                else whole % 2**31
                if code == "I"
                else whole
            )
            content[offset : offset + size] = struct.pack("<" + code, value)
        content = flipped(content, flips)
        if compressed:
            content = flipped(bytearray(gzip.compress(content, mtime=0)), outer)
        return "a.nii" + ".gz" * compressed, bytes(content[: int(kept * len(content))])

    return mutate


def flipped(content: bytearray, flips: list[tuple[int, int]]) -> bytearray:
    """The content with single bits flipped, half of them in the first 352 bytes."""
    for place, bit in flips:
        reach = 352 if place % 2 else len(content)
        content[place % min(reach, len(content))] ^= 1 << bit
    return content


@examples
@given(mutations())
def test_any_file_is_read_or_refused(
    tmp_path: Path, image: np.ndarray, mutate: Callable[[np.ndarray], tuple[str, bytes]]
) -> None:
    name, content = mutate(image)
    (tmp_path / name).write_bytes(content)
    for read in (read_volume, read_mask):
        try:
            volume = read(tmp_path / name, "sub-7")
        except CohortError:
            continue
        assert volume.data.shape == volume.grid.shape
        assert np.isfinite(volume.data).all()
        assert np.isfinite(volume.grid.affine).all()


@examples
@given(mutations(), st.sampled_from([None, (5.0, 2.0, 2.0), (1.0, 1.0, 1.0)]), st.booleans())
def test_any_subject_is_prepared_or_refused(
    tmp_path: Path,
    image: np.ndarray,
    mutate: Callable[[np.ndarray], tuple[str, bytes]],
    spacing_mm: tuple[float, float, float] | None,
    is_reference: bool,
) -> None:
    name, content = mutate(image)
    (tmp_path / name).write_bytes(content)
    nib.save(nib.Nifti1Image(image, AFFINE), tmp_path / "sound.nii")
    files = {"DWI": tmp_path / name, "ADC": tmp_path / "sound.nii"}
    own = () if is_reference else ("DWI",)
    protocol = Imaging(reference="DWI" if is_reference else "ADC", own_slices=own, most_voxels=10**6)
    try:
        prepared = prepare_images(files, ("DWI", "ADC"), protocol, spacing_mm)
    except CohortError:
        return
    assert np.isfinite(prepared.image).all()
    assert prepared.image[0].size <= 10**6


VALUES = st.sampled_from([0.0, 1e-45, 1e-40, 1e-30, 0.1, 1.0, 5.0, 1 / 3, 1000.3, 1e20, 3.4e38, -5.0])


@examples
@given(
    VALUES,
    st.tuples(*[st.integers(1, 6)] * 3),
    st.sampled_from([0.01, 1.0, 50.0]),
    st.lists(st.tuples(st.integers(0, 215), VALUES), max_size=3),
)
def test_any_image_has_a_brain_or_none(
    value: float, shape: tuple[int, int, int], spacing_mm: float, others: list[tuple[int, float]]
) -> None:
    data = np.full(shape, value, np.float32)
    for place, other in others:
        data.flat[place % data.size] = other
    found = derive_brain(Volume(data, Grid(shape, np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0]))))
    assert found.shape == shape
    assert found.any() == data.any()


def test_a_constant_image_is_all_brain_whatever_its_value() -> None:
    grid = Grid((6, 20, 20), np.diag([5.0, 2.0, 2.0, 1.0]))
    rounding = 1 + 1e-7 * np.random.default_rng(0).integers(0, 3, grid.shape)
    for value in (1e-40, 5.0, 1 / 3, 3e38):
        assert derive_brain(Volume((value * rounding).astype(np.float32), grid)).all(), value


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_scan_that_is_too_large_says_so_with_its_size_and_what_to_do(tmp_path: Path, name: str) -> None:
    content = nib.Nifti1Image(np.ones((20, 10, 5), np.int16), AFFINE).to_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert read_volume(tmp_path / name, "s", most_voxels=1000).data.size == 1000
    with pytest.raises(CohortError) as caught:
        read_volume(tmp_path / name, "s", most_voxels=999)
    (problem,) = caught.value.problems
    assert problem.what.startswith("its header announces 20×10×5 voxels")
    assert "imaging.most_voxels" in problem.remedy


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_file_that_goes_on_behind_its_voxels_is_refused(tmp_path: Path, name: str) -> None:
    content = nib.Nifti1Image(np.ones((4, 4, 4), np.int16), AFFINE).to_bytes()
    for more, refused in ((2**19, False), (2**21, True)):
        padded = content + bytes(more)
        (tmp_path / name).write_bytes(gzip.compress(padded) if name.endswith("gz") else padded)
        if refused:
            with pytest.raises(CohortError):
                read_volume(tmp_path / name, "s")
        else:
            assert read_volume(tmp_path / name, "s").data.all()


def test_a_box_that_is_too_fine_is_refused_before_it_is_made(tmp_path: Path, image: np.ndarray) -> None:
    coarse = np.diag([40.0, 40.0, 40.0, 1.0])
    nib.save(nib.Nifti1Image(image, coarse), tmp_path / "a.nii")
    with pytest.raises(CohortError) as caught:
        prepare_images({"DWI": tmp_path / "a.nii"}, ("DWI",), Imaging(), (0.05, 0.05, 0.05))
    (problem,) = caught.value.problems
    assert "voxels of 0.05×0.05×0.05 mm" in problem.what
    assert "imaging.spacing_mm" in problem.remedy


def test_values_are_nibabel_s_whatever_the_type_byte_order_and_scaling(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(0, 50, (7, 6, 5))
    for order in "<>":
        for stored in (np.int8, np.uint16, np.int32, np.float32, np.float64):
            made = nib.Nifti1Image(array.astype(stored), AFFINE, nib.Nifti1Header(endianness=order))
            made.header.set_data_dtype(np.dtype(stored).newbyteorder(order))
            made.header.set_slope_inter(0.37, -2.5)
            (tmp_path / "a.nii.gz").write_bytes(gzip.compress(made.to_bytes()))
            expected = nib.load(tmp_path / "a.nii.gz").get_fdata(dtype=np.float32).T
            np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz", "s").data, expected)


def test_several_members_of_a_compressed_file_are_one_content(tmp_path: Path) -> None:
    """As bgzip writes; a changed byte in any of them is noticed."""
    array = np.random.default_rng(0).normal(size=(8, 8, 8)).astype(np.float32)
    content = nib.Nifti1Image(array, AFFINE).to_bytes()
    parts = [gzip.compress(content[first : first + 500], mtime=0) for first in range(0, len(content), 500)]
    (tmp_path / "a.nii.gz").write_bytes(b"".join(parts))
    np.testing.assert_array_equal(read_volume(tmp_path / "a.nii.gz", "s").data, array.T)
    wrong = parts[2][:-8] + struct.pack("<I", zlib.crc32(b"")) + parts[2][-4:]
    (tmp_path / "a.nii.gz").write_bytes(b"".join([*parts[:2], wrong, *parts[3:]]))
    with pytest.raises(CohortError, match="truncated or damaged"):
        read_volume(tmp_path / "a.nii.gz", "s")
