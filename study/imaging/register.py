"""Rigid registration of diffusion images to the reference, with ANTs, an optional package.

A transform is folded into the affine of the volumes that it moves, so that no voxel is interpolated twice. Volumes on
the reference's own grid count as registered: it is unknown which of the masks on that grid would have to follow them.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.errors import ConfigError
from study.imaging.geometry import same_grid
from study.imaging.resample import covered, resample
from study.imaging.units import is_magnitude
from study.imaging.volume import Grid, Volume
from study.machine.temporary import temporary_folder

DIFFUSION = ("DWI", "B0", "ADC")  # the first present of those that share a grid determines the transform
STEP_MM = 2.0  # of the grids that are compared; full-size images would take minutes
BRIGHTEST = 99.5  # percentile at which intensities are clipped: a few bright vessels would take up all bins
MOST_SHIFT_MM, MOST_ROTATION_DEG = 30.0, 20.0  # a patient who stays in the scanner does not move further
LEAST_SIMILARITY = 0.98  # relative to the headers' similarity, which may be the optimum already
ITERATIONS, SHRINKING, SMOOTHING = (1000, 500, 250, 100), (6, 4, 2, 1), (3, 2, 1, 0)
BINS = 32
SEED = 1
THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
TO_ITK = np.diag([-1.0, -1.0, 1.0, 1.0])  # RAS+ to LPS+ and back
REVERSED = np.eye(4)[[2, 1, 0, 3]]  # the order of indices: slices, rows, columns to x, y, z and back

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion of everything on one grid.

    Attributes:
        grid: as in the headers.
        matrix: 4×4, RAS+ millimetres; from positions by the headers to positions in the reference.
    """

    grid: Grid
    matrix: Matrix


def require_registration() -> None:
    """Raise ConfigError unless ANTs is installed."""
    if importlib.util.find_spec("ants") is None:
        raise ConfigError(
            [
                "imaging.registration: rigid needs ANTs, which is not installed; "
                "pip install 'fadeout[registration]', or set imaging.registration=headers"
            ]
        )


def moved(grid: Grid, motions: Sequence[Motion]) -> Grid:
    """The grid at its registered position; unchanged where none of the motions is for this grid."""
    for motion in motions:
        if same_grid(grid, motion.grid):
            return Grid(grid.shape, motion.matrix @ grid.affine)
    return grid


def find_motions(volumes: Mapping[str, Volume], reference: str) -> tuple[list[Motion], dict[str, str]]:
    """One motion for each grid of diffusion images other than the reference's.

    Args:
        volumes: modality to volume; their fields of view overlap.
        reference: the modality that stays.

    Returns:
        Motions, and by modality what is wrong with a registration that is not plausible.
    """
    own = volumes[reference].grid
    candidates = (reference, *volumes)
    fixed = next(
        (volumes[name] for name in candidates if is_magnitude(name) and same_grid(volumes[name].grid, own)),
        volumes[reference],
    )
    motions: list[Motion] = []
    faults: dict[str, str] = {}
    known = [own]
    for name in DIFFUSION:
        if name not in volumes or any(same_grid(volumes[name].grid, grid) for grid in known):
            continue
        moving = volumes[name]
        known.append(moving.grid)
        matrix = find_rigid(moving, fixed)
        if what := _fault(matrix, moving, fixed):
            faults[name] = what
        else:
            motions.append(Motion(moving.grid, matrix))
    return motions, faults


def find_rigid(moving: Volume, fixed: Volume) -> Matrix:
    """The rigid motion of an image that maximises its mutual information with another.

    The search starts at the headers' positions and is reproducible: one thread, one seed.

    Returns:
        4×4, RAS+ millimetres, from the moving image's space to the fixed one's.
    """
    with _one_thread(), temporary_folder("registration") as folder:
        import ants

        found = ants.registration(
            _to_ants(_coarse(fixed)),
            _to_ants(_coarse(moving)),
            "Rigid",
            initial_transform="Identity",
            outprefix=f"{folder}/",
            aff_metric="mattes",
            aff_sampling=BINS,
            aff_iterations=ITERATIONS,
            aff_shrink_factors=SHRINKING,
            aff_smoothing_sigmas=SMOOTHING,
            random_seed=SEED,
        )
        transform = ants.read_transform(found["fwdtransforms"][0])
        parameters, center = np.array(transform.parameters), np.array(transform.fixed_parameters)
    backwards = np.eye(4)  # ITK's transforms map points of the fixed image to the moving one
    backwards[:3, :3] = parameters[:9].reshape(3, 3)
    backwards[:3, 3] = parameters[9:] + center - backwards[:3, :3] @ center
    return np.asarray(np.linalg.inv(TO_ITK @ backwards @ TO_ITK))


def motion_size(matrix: Matrix, grid: Grid) -> tuple[float, float]:
    """By how many mm a rigid motion shifts the middle of a grid, and by how many degrees it rotates it."""
    middle = grid.affine @ [*((np.asarray(grid.shape) - 1) / 2), 1]
    shift = np.linalg.norm((matrix @ middle - middle)[:3])
    cosine = np.clip((np.trace(matrix[:3, :3]) - 1) / 2, -1, 1)
    return float(shift), float(np.degrees(np.arccos(cosine)))


def mutual_information(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Mutual information of two lists of intensities [N], in nats, from a histogram of 32 × 32 bins."""
    joint = np.histogram2d(one, other, BINS)[0] / one.size
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float((joint[filled] * np.log(joint[filled] / independent[filled])).sum())


def _fault(matrix: Matrix, moving: Volume, fixed: Volume) -> str | None:
    """Why a motion is not plausible; None if it is."""
    if np.array_equal(matrix, np.eye(4)):  # ANTs returns the identity when it cannot compare the images
        return "registration finds nothing in it to go by"
    shift_mm, degrees = motion_size(matrix, moving.grid)
    if shift_mm > MOST_SHIFT_MM or degrees > MOST_ROTATION_DEG:
        return (
            f"registration moves it by {shift_mm:.1f} mm and {degrees:.1f}°, more than a patient moves "
            f"({MOST_SHIFT_MM:g} mm, {MOST_ROTATION_DEG:g}°)"
        )
    before, after = _similarities(matrix, moving, fixed)
    if after < LEAST_SIMILARITY * before:
        return f"registration makes it less similar to the reference ({after:.3f} after {before:.3f} nats)"
    return None


def _similarities(matrix: Matrix, moving: Volume, fixed: Volume) -> tuple[float, float]:
    """Mutual information before and after a motion, in voxels of the fixed image that both positions cover."""
    reference, source = _coarse(fixed), _coarse(moving)
    places = (source.grid, Grid(source.grid.shape, matrix @ source.grid.affine))
    common = covered(places[0], reference.grid) & covered(places[1], reference.grid)
    if not common.any():
        return 0.0, 0.0
    intensities = [resample(source.data, place, reference.grid, order=1)[common] for place in places]
    before, after = (mutual_information(reference.data[common], values) for values in intensities)
    return before, after


def _coarse(volume: Volume) -> Volume:
    """The image in voxels of 2 mm or more, smoothed accordingly, with its brightest voxels clipped."""
    from scipy import ndimage

    spacing_mm = np.asarray(volume.grid.spacing_mm)
    grid = volume.grid.with_spacing(np.maximum(spacing_mm, STEP_MM).tolist())
    ratio = np.maximum(np.asarray(grid.spacing_mm) / spacing_mm, 1)
    smooth = ndimage.gaussian_filter(volume.data, 0.5 * np.sqrt(ratio**2 - 1))
    data = resample(smooth, volume.grid, grid, order=1)
    return Volume(np.minimum(data, np.percentile(data, BRIGHTEST)).astype(np.float32), grid)


def _to_ants(volume: Volume) -> Any:
    import ants

    affine = TO_ITK @ volume.grid.affine @ REVERSED
    spacing_mm = np.linalg.norm(affine[:3, :3], axis=0)
    direction = affine[:3, :3] / spacing_mm
    return ants.from_numpy(
        volume.data.T, origin=affine[:3, 3].tolist(), spacing=spacing_mm.tolist(), direction=direction
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run ITK in one thread, as its sums depend on the number of threads; it reads the number on first use."""
    before = os.environ.get(THREADS)
    os.environ[THREADS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before
