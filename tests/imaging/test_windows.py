from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from study.cohort.records import SubjectFacts
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices, Windows, own_grid

PLANE = (3, 4)


def at(first_mm: float, spacing_mm: float, slices: int, plane: tuple[int, int] = PLANE) -> Grid:
    """Axial slices, the first at a height; 1 mm pixels."""
    affine = np.diag([spacing_mm, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    affine[2, 3] = first_mm
    return Grid((slices, *plane), affine)


def heights(grid: Grid) -> NDArray[np.float32]:
    """One modality whose voxels hold the height of their slice in mm, counted from 100."""
    z = 100 + grid.affine[2, 3] + np.arange(grid.shape[0]) * grid.spacing_mm[0]
    image = np.broadcast_to(z[:, None, None], grid.shape).astype(np.float32)
    return image[None].copy()


def subject(grid: Grid, own: Grid) -> Prepared:
    """SWAN on its grid, DWI on both: 2 modalities, DWI second."""
    image = np.concatenate([heights(grid), -heights(grid)])
    slices = OwnSlices(heights(own), (1,), own)
    return Prepared(
        SubjectFacts("key"), image, (True, True), None, np.empty((0, 3)), grid, grid, None, own=slices
    )


def slices_of(window: NDArray[Any]) -> list[list[float]]:
    """The value of each slice, by modality; all its voxels are the same."""
    assert (window == window[:, :, :1, :1]).all()
    return (window[:, :, 0, 0]).tolist()


def test_the_thick_slices_lie_around_the_window_s_middle() -> None:
    prepared = subject(at(0, 1, 20), at(1, 3, 6))  # own slices at 1, 4, 7, 10, 13, 16 mm
    swan, dwi = slices_of(prepared.window((8, 0, 0), (4, *PLANE)))  # 8 to 11 mm, middle 9.5
    assert swan == [108, 109, 110, 111]
    assert dwi == [104, 107, 110, 113]  # middle 8.5; the next, 7 to 16 mm, would have 11.5
    assert slices_of(prepared.window((10, 0, 0), (3, *PLANE)))[1] == [107, 110, 113]  # middles 11 and 10


def test_a_slice_half_way_between_two_goes_with_the_upper() -> None:
    prepared = subject(at(0, 1, 20), at(0, 2, 10))
    assert slices_of(prepared.window((3, 0, 0), (1, *PLANE))) == [[103], [104]]
    assert slices_of(prepared.window((4, 0, 0), (1, *PLANE))) == [[104], [104]]


def test_slices_beyond_either_volume_are_zero() -> None:
    prepared = subject(at(0, 1, 6), at(0, 3, 2))
    swan, dwi = slices_of(
        prepared.window((0, 0, 0), (6, *PLANE))
    )  # middle 2.5 mm; own 0 and 3 mm, middle 1.5
    assert swan == [100, 101, 102, 103, 104, 105]
    assert dwi == [0, 0, 100, 103, 0, 0]
    swan, dwi = slices_of(prepared.window((-2, 0, 0), (4, *PLANE)))  # middle -0.5 mm
    assert swan == [0, 0, 100, 101]
    assert dwi == [0, 0, 100, 103]  # middle -1.5; a slice higher it would be 1.5
    assert not prepared.window((40, 0, 0), (4, *PLANE)).any()
    assert not prepared.window((-40, 0, 0), (4, *PLANE)).any()


def test_rows_and_columns_are_the_same_in_all_modalities() -> None:
    rng = np.random.default_rng(0)
    grid, own = at(0, 1, 6), at(0, 2, 3)
    image, thick = (rng.normal(size=(1, *one.shape)).astype(np.float32) for one in (grid, own))
    prepared = Prepared(
        SubjectFacts("key"), np.concatenate([image, image]), (True, True), None, np.empty((0, 3)), grid, grid, None,
        own=OwnSlices(thick, (1,), own),
    )  # fmt: skip
    window = prepared.window((2, -1, 2), (1, 3, 4))  # at 2 mm: own slice 1
    expected = np.zeros((2, 1, 3, 4), np.float32)
    expected[0, 0, 1:, :2] = image[0, 2, :2, 2:]
    expected[1, 0, 1:, :2] = thick[0, 1, :2, 2:]
    np.testing.assert_array_equal(window, expected)


@settings(deadline=None)
@given(
    start=st.tuples(st.integers(-5, 25), st.integers(-4, 4), st.integers(-4, 4)),
    size=st.tuples(*[st.integers(1, 6)] * 3),
    first_mm=st.floats(-4, 4),
    ratio=st.floats(0.5, 5),
)
def test_every_voxel_is_the_one_at_its_place(
    start: tuple[int, int, int], size: tuple[int, int, int], first_mm: float, ratio: float
) -> None:
    """Against a search, voxel by voxel, of positions in mm."""
    grid, own = at(0, 1.5, 20), at(first_mm, 1.5 * ratio, 7)
    rng = np.random.default_rng(0)
    image, thick = rng.normal(size=(2, *grid.shape)), rng.normal(size=(1, *own.shape))
    prepared = Prepared(
        SubjectFacts("key"), image.astype(np.float32), (True, True), None, np.empty((0, 3)), grid, grid, None,
        own=OwnSlices(thick.astype(np.float32), (1,), own),
    )  # fmt: skip
    window = prepared.window(start, size)
    middle_mm = 1.5 * (start[0] + (size[0] - 1) / 2)
    candidates = [first_mm + 1.5 * ratio * (i + (size[0] - 1) / 2) for i in range(-60, 60)]
    distances = np.abs(np.array(candidates) - middle_mm)
    chosen = int(np.argmin(distances)) - 60
    ties = np.sort(distances)[:2]
    for d in range(size[0]):
        for h in range(size[1]):
            for w in range(size[2]):
                place = (start[0] + d, start[1] + h, start[2] + w)
                assert window[0, d, h, w] == value(prepared.image[0], place)
                if ties[1] - ties[0] > 1e-3:
                    assert window[1, d, h, w] == value(prepared.own.image[0], (chosen + d, *place[1:]))


def value(volume: NDArray[Any], place: tuple[int, ...]) -> float:
    inside = all(0 <= index < size for index, size in zip(place, volume.shape, strict=True))
    return float(volume[place]) if inside else 0.0


def test_tensors_are_cut_like_arrays() -> None:
    prepared = subject(at(0, 1, 9), at(1, 2.5, 4))
    tensors = prepared.windows.converted(torch.from_numpy)
    for start in [(0, 0, 0), (-3, 1, -2), (5, 0, 0), (30, 0, 0)]:
        out = torch.zeros(2, 4, 3, 3)
        tensors.cut(start, out)
        np.testing.assert_array_equal(out.numpy(), prepared.window(start, (4, 3, 3)))


def test_an_absent_modality_stays_zero_and_only_the_window_is_read() -> None:
    prepared = subject(at(0, 1, 20), at(1, 3, 6))
    prepared.own.image[:] = 0
    swan, dwi = slices_of(prepared.window((8, 0, 0), (2, *PLANE)))
    assert (swan, dwi) == ([108, 109], [0, 0])


def test_without_own_slices_all_modalities_lie_on_the_prepared_grid() -> None:
    image = np.random.default_rng(0).normal(size=(2, 5, 6, 7)).astype(np.float32)
    out = np.zeros((2, 2, 3, 4), np.float32)
    Windows(image).cut((1, 2, 3), out)
    np.testing.assert_array_equal(out, image[:, 1:3, 2:5, 3:7])


def test_a_choice_of_modalities_keeps_their_slices() -> None:
    grid, own = at(0, 1, 9), at(1, 3, 3)
    image = np.stack([heights(grid)[0] + 1000 * i for i in range(3)])
    thick = np.stack([heights(own)[0] + 1000 * i for i in (4, 5)])
    prepared = Prepared(
        SubjectFacts("key"),
        image,
        (True,) * 3,
        None,
        np.empty((0, 3)),
        grid,
        grid,
        None,
        own=OwnSlices(thick, (2, 0), own),
    )
    whole = prepared.window((3, 0, 0), (3, *PLANE))
    for chosen in ([0, 1, 2], [2, 1], [0], [1, 0]):
        np.testing.assert_array_equal(prepared.select(chosen).window((3, 0, 0), (3, *PLANE)), whole[chosen])
    assert prepared.select([1]).own is None


def test_the_own_grid_of_parallel_slices_is_at_their_positions() -> None:
    source = at(-7, 4, 12, (40, 40))  # -7, -3, 1, 5, 9, 13, … mm; another plane
    grid = own_grid(
        source, at(0, 1, 10)
    )  # the box reaches from -0.5 to 9.5 mm; a slice from -5 to -1 does not
    assert grid.shape == (3, *PLANE)
    positions = [grid.affine @ [d, 1, 2, 1] for d in range(3)]
    np.testing.assert_allclose(positions, [[2, 1, z, 1] for z in (1, 5, 9)], atol=1e-9)


def test_the_own_grid_ends_with_the_volume() -> None:
    grid = own_grid(at(2, 4, 2), at(0, 1, 30))
    np.testing.assert_allclose([(grid.affine @ [d, 0, 0, 1])[2] for d in range(grid.shape[0])], [2, 6])


def test_tilted_slices_are_taken_where_the_line_through_the_middle_meets_them() -> None:
    angle = np.deg2rad(12)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    source = at(-10, 4, 12, (40, 40))
    affine = source.affine.copy()
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = turn @ affine[:3, 3] - [20, 20, 0]
    tilted = Grid(source.shape, affine)
    box = at(0, 1, 16, (9, 9))
    grid = own_grid(tilted, box)
    assert grid.spacing_mm == pytest.approx((4 / np.cos(angle), 1, 1))
    np.testing.assert_allclose(grid.affine[:3, 1:3], box.affine[:3, 1:3])
    for d in range(grid.shape[0]):
        middle_mm = grid.affine @ [d, 4, 4, 1]
        np.testing.assert_allclose(middle_mm[:2], [4, 4], atol=1e-9)  # on the line
        index = np.linalg.solve(tilted.affine, middle_mm)[0]
        assert index == pytest.approx(round(index), abs=1e-9)  # in a slice
