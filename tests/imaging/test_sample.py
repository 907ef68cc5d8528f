"""Patches of a prepared subject."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from study.cohort.records import SubjectFacts
from study.imaging.prepared import Prepared
from study.imaging.sample import sample_empty_patch, sample_patch
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices


def prepared(image: Any, target: Any) -> Prepared:
    foreground = np.argwhere(np.asarray(target)).astype(np.int16)
    grid = Grid(tuple(image.shape[1:]), np.eye(4))
    return Prepared(SubjectFacts("key"), image, (True,) * len(image), target, foreground, grid, grid, None)


def numbered(shape: tuple[int, int, int], foreground: list[tuple[int, int, int]]) -> Prepared:
    """Two modalities whose voxels tell where they come from: n and -n, counted from 1."""
    numbers = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)
    target = np.zeros(shape, np.uint8)
    for voxel in foreground:
        target[voxel] = 1
    return prepared(np.stack([numbers, -numbers]), target)


class Watched:
    """An array that counts the voxels that are read."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array, self.shape, self.read = array, array.shape, 0

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        part: NDArray[Any] = self.array[key]
        self.read += part.size
        return part


def test_a_patch_is_a_contiguous_box_of_image_and_target_alike() -> None:
    subject = numbered((6, 7, 8), [(3, 3, 3)])
    image, target = sample_patch(subject, (2, 3, 4), False, np.random.default_rng(0)).cut()
    assert image.dtype == np.float32
    assert target.dtype == np.uint8
    d, h, w = np.unravel_index(int(image[0, 0, 0, 0]) - 1, (6, 7, 8))
    box = (slice(d, d + 2), slice(h, h + 3), slice(w, w + 4))
    np.testing.assert_array_equal(image, subject.image[(slice(None), *box)])
    assert subject.target is not None
    np.testing.assert_array_equal(target, subject.target[box])


def test_unforced_patches_lie_everywhere_equally_often() -> None:
    subject = numbered((1, 1, 6), [])
    rng = np.random.default_rng(1)
    starts = [sample_patch(subject, (1, 1, 4), False, rng).cut()[0][0, 0, 0, 0] for _ in range(900)]
    values, counts = np.unique(starts, return_counts=True)
    assert values.tolist() == [1, 2, 3]
    assert sum((count - 300) ** 2 / 300 for count in counts) < 13.82  # chi-square, 2 degrees, 0.001


def test_a_forced_patch_is_centred_on_its_voxel_where_there_is_room() -> None:
    subject = numbered((9, 9, 9), [(4, 5, 3)])
    image, target = sample_patch(subject, (3, 5, 4), True, np.random.default_rng(0)).cut()
    assert target[1, 2, 2] == 1
    assert image[0, 1, 2, 2] == 1 + 4 * 81 + 5 * 9 + 3


def test_a_forced_patch_at_the_border_is_centred_on_its_voxel_and_shows_zeros_beyond() -> None:
    subject = numbered((6, 6, 6), [(0, 5, 3)])
    image, target = sample_patch(subject, (4, 4, 4), True, np.random.default_rng(0)).cut()
    assert target[2, 2, 2] == 1
    np.testing.assert_array_equal(image[:, 2:, :3], subject.image[:, :2, 3:, 1:5])
    assert not image[:, :2].any()
    assert not image[:, :, 3].any()


def test_a_forced_patch_shows_the_whole_of_an_axis_that_it_covers() -> None:
    patch = sample_patch(numbered((9, 5, 4), [(8, 4, 3)]), (4, 5, 6), True, np.random.default_rng(0))
    assert patch.start == (6, 0, -1)


def test_forced_patches_choose_among_all_foreground_voxels() -> None:
    subject = numbered((1, 1, 9), [(0, 0, 1), (0, 0, 4), (0, 0, 7)])
    rng = np.random.default_rng(2)
    centres = {float(sample_patch(subject, (1, 1, 3), True, rng).cut()[0][0, 0, 0, 1]) for _ in range(100)}
    assert centres == {2, 5, 8}


def test_without_foreground_a_forced_patch_lies_anywhere() -> None:
    subject = numbered((1, 1, 6), [])
    rng = np.random.default_rng(0)
    starts = {float(sample_patch(subject, (1, 1, 4), True, rng).cut()[0][0, 0, 0, 0]) for _ in range(60)}
    assert starts == {1, 2, 3}


@pytest.mark.parametrize("forced", [False, True])
def test_a_volume_smaller_than_the_patch_is_centred_in_zeros(forced: bool) -> None:
    subject = numbered((2, 3, 8), [(0, 0, 0)])
    image, target = sample_patch(subject, (4, 6, 8), forced, np.random.default_rng(0)).cut()
    np.testing.assert_array_equal(image[:, 1:3, 1:4], subject.image)
    assert target[1, 1, 0] == 1
    assert np.count_nonzero(image) == subject.image.size
    assert target.sum() == 1


@settings(deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    size=st.tuples(*[st.integers(1, 9)] * 3),
    seed=st.integers(0, 1000),
)
def test_a_forced_patch_always_holds_foreground_and_most_of_what_fits(
    shape: tuple[int, int, int], size: tuple[int, int, int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    subject = numbered(shape, [tuple(rng.integers(0, shape))])
    image, target = sample_patch(subject, size, True, rng).cut()
    assert image.shape == (2, *size)
    assert target.shape == size
    assert target.sum() == 1
    fits = np.minimum(shape, size)
    assert np.count_nonzero(image[0]) >= np.prod((fits + 1) // 2)


def test_only_the_patch_is_read() -> None:
    image, target = Watched(np.ones((3, 20, 20, 20), np.float32)), Watched(np.ones((20, 20, 20), np.uint8))
    grid = Grid((20, 20, 20), np.eye(4))
    foreground = np.array([[3, 3, 3]], np.int16)
    subject = Prepared(SubjectFacts("key"), image, (True,) * 3, target, foreground, grid, grid, None)  # type: ignore[arg-type]
    sample_patch(subject, (4, 5, 6), True, np.random.default_rng(0)).cut()
    assert image.read == 3 * 120
    assert target.read == 120


def test_patches_of_memory_mapped_arrays_are_writable_copies(tmp_path: Any) -> None:
    np.save(tmp_path / "image.npy", np.ones((1, 4, 4, 4), np.float32))
    np.save(tmp_path / "target.npy", np.ones((4, 4, 4), np.uint8))
    image, target = (np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("image", "target"))
    patch, mask = sample_patch(prepared(image, target), (4, 4, 4), False, np.random.default_rng(0)).cut()
    patch[:] = 0
    mask[:] = 0
    assert image.all()
    assert target.all()


def test_the_same_generator_gives_the_same_patch() -> None:
    subject = numbered((9, 9, 9), [(4, 4, 4), (7, 1, 2)])
    first, second = (sample_patch(subject, (3, 3, 3), True, np.random.default_rng(5)).cut() for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])


def test_a_subject_without_target_is_refused() -> None:
    grid = Grid((4, 4, 4), np.eye(4))
    subject = Prepared(
        SubjectFacts("key"),
        np.ones((1, 4, 4, 4), np.float32),
        (True,),
        None,
        np.empty((0, 3), np.int16),
        grid,
        grid,
        None,
    )
    with pytest.raises(ValueError, match=r"key: .* target"):
        sample_patch(subject, (2, 2, 2), False, np.random.default_rng(0))


def places(
    subject: Prepared, size: tuple[int, int, int], draws: int
) -> tuple[set[tuple[int, ...]], set[int]]:
    """Where patches without target begin, read from their numbered voxels, and how much target they show."""
    shape = subject.image.shape[1:]
    starts, shown = set(), set()
    for seed in range(draws):
        image, target = sample_empty_patch(subject, size, np.random.default_rng(seed)).cut()
        first = int(image[0][image[0] > 0].min()) - 1
        starts.add(tuple(int(index) for index in np.unravel_index(first, shape)))
        shown.add(int(target.sum()))
    return starts, shown


def counted(subject: Prepared, size: tuple[int, int, int]) -> dict[tuple[int, ...], int]:
    """How much target a patch at each start shows, one by one."""
    assert subject.target is not None
    room = [max(length - edge, 0) for length, edge in zip(subject.target.shape, size, strict=True)]
    return {
        start: int(subject.target[tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))].sum())
        for start in np.ndindex(*(length + 1 for length in room))
    }


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    size=st.tuples(*[st.integers(1, 6)] * 3),
    voxels=st.integers(0, 12),
    seed=st.integers(0, 1000),
)
def test_patches_without_target_lie_wherever_there_is_least_of_it(
    shape: tuple[int, int, int], size: tuple[int, int, int], voxels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    subject = numbered(shape, [tuple(rng.integers(0, shape)) for _ in range(voxels)])
    counts = counted(subject, size)
    best = {start for start, count in counts.items() if count == min(counts.values())}
    starts, shown = places(subject, size, 20)
    assert starts <= best
    assert shown == {min(counts.values())}


def test_all_patches_without_target_are_drawn() -> None:
    subject = numbered((8, 3, 3), [(4, 1, 1)])
    starts, shown = places(subject, (2, 3, 3), 100)
    assert starts == {(d, 0, 0) for d in (0, 1, 2, 5, 6)}
    assert shown == {0}


def test_a_target_of_more_voxels_than_are_listed_is_counted_whole() -> None:
    target = np.zeros((40, 30, 30), np.uint8)
    target[2:] = 1
    foreground = np.argwhere(target)[:10_000].astype(np.int16)  # as prepared: no more are listed
    image = np.arange(1, target.size + 1, dtype=np.float32).reshape(1, *target.shape)
    grid = Grid(target.shape, np.eye(4))
    subject = Prepared(SubjectFacts("key"), image, (True,), target, foreground, grid, grid, None)
    starts, shown = places(subject, (2, 30, 30), 5)
    assert (starts, shown) == ({(0, 0, 0)}, {0})


def test_own_slices_are_sampled_around_the_patch() -> None:
    grid = Grid((9, 2, 2), np.eye(4))
    own = Grid((3, 2, 2), np.diag([3.0, 1, 1, 1]))  # at the prepared slices 0, 3 and 6
    thick = np.broadcast_to(np.array([10, 13, 16], np.float32)[:, None, None], own.shape)[None]
    target = np.zeros(grid.shape, np.uint8)
    target[4, 0, 0] = 1
    image = np.broadcast_to(np.arange(9, dtype=np.float32)[:, None, None], grid.shape)
    subject = Prepared(
        SubjectFacts("key"), np.stack([image, image]), (True, True), target, np.argwhere(target).astype(np.int16),
        grid, grid,
        None, own=OwnSlices(thick, (0,), own),
    )  # fmt: skip
    patch, shown = sample_patch(subject, (3, 2, 2), True, np.random.default_rng(0)).cut()
    assert patch[:, :, 0, 0].tolist() == [[10, 13, 16], [3, 4, 5]]
    assert shown[:, 0, 0].tolist() == [0, 1, 0]


def test_what_lies_around_a_patch_can_be_cut_with_it() -> None:
    subject = numbered((6, 7, 8), [(0, 6, 3)])
    patch = sample_patch(subject, (2, 3, 4), True, np.random.default_rng(0))
    image, target = patch.cut()
    more, shown = patch.cut((1, 2, 3))
    assert more.shape == (2, 4, 7, 10)
    np.testing.assert_array_equal(more[:, 1:-1, 2:-2, 3:-3], image)
    np.testing.assert_array_equal(shown[1:-1, 2:-2, 3:-3], target)
    assert subject.target is not None
    whole = np.pad(subject.image[0], 3)
    start = [3 + first - extra for first, extra in zip(patch.start, (1, 2, 3), strict=True)]
    box = tuple(slice(first, first + size) for first, size in zip(start, more.shape[1:], strict=True))
    np.testing.assert_array_equal(more[0], whole[box])
