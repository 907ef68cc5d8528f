"""The scanner: parameters by center, voxel grids with their affines, and sampling from a fine grid to voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from study.phantoms.brain import Brain, Lattice
from study.phantoms.centers import Center, GridRange, Range
from study.phantoms.shapes import Field

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Acquisition:
    """Parameters of one examination."""

    vendor: str
    field_t: float
    te_ms: float
    tr_ms: float
    b_s_per_mm2: float
    directions: int
    snr: float
    gain: float
    bias: float
    readout_ms: float
    phase_encoding: int
    psf_mm: float
    swan_te_ms: float
    swan_tr_ms: float
    swan_flip_deg: float
    swan_snr: float
    adc_unit: str


@dataclass(frozen=True)
class VoxelGrid:
    """A stored grid and the part of it that holds the brain.

    Attributes:
        shape: voxels along the three axes.
        affine: 4×4, from indices of the whole grid to scanner mm.
        box: for each axis, the range of indices with brain in it.
    """

    shape: tuple[int, int, int]
    affine: Matrix
    box: tuple[slice, slice, slice]

    @property
    def spacing_mm(self) -> npt.NDArray[np.float64]:
        """Voxel size along the three axes."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))

    @property
    def box_affine(self) -> Matrix:
        """4×4, from indices within the box to scanner mm."""
        moved = self.affine.copy()
        moved[:3, 3] += self.affine[:3, :3] @ [part.start for part in self.box]
        return moved

    @property
    def box_shape(self) -> tuple[int, int, int]:
        """Voxels in the box."""
        first, second, third = (part.stop - part.start for part in self.box)
        return first, second, third

    def embed(self, part: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """An array on the whole grid: the part in the box, 0 elsewhere."""
        whole = np.zeros(self.shape, part.dtype)
        whole[self.box] = part
        return whole


def draw_acquisition(center: Center, randomisation: float, rng: np.random.Generator) -> Acquisition:
    """Draw an examination at a center; `randomisation` in [0, 1] widens every range up to twofold either way."""
    vendor = _drawn(center.vendors, rng)
    field_t = _drawn(center.fields_t, rng)
    b_value = _drawn(center.b_values, rng)

    def value(limits: Range) -> float:
        return float(rng.uniform(*limits) * np.exp(randomisation * rng.normal(0, 0.25)))

    high = field_t > 2
    return Acquisition(
        vendor=vendor,
        field_t=field_t,
        te_ms=value(center.te_ms),
        tr_ms=value(center.tr_ms),
        b_s_per_mm2=float(b_value * np.exp(randomisation * rng.normal(0, 0.12))),
        directions=3,
        snr=value(center.snr) * (1.15 if high else 1.0),
        gain=float(np.exp(rng.normal({"GE": 7.6, "Siemens": 6.3, "Philips": 6.6}[vendor], 0.25))),
        bias=float(
            rng.uniform(0.05, 0.16) * (1.5 if high else 1.0) * (1 + randomisation * rng.uniform(0, 1.5))
        ),
        readout_ms=value((22, 48)),
        psf_mm=value((0.75, 1.25)),
        phase_encoding=1 if rng.random() < 0.7 else -1,
        swan_te_ms=value((20, 24) if high else (32, 40)),
        swan_tr_ms=value((30, 42) if high else (50, 78)),
        swan_flip_deg=value((12, 16) if high else (15, 20)),
        swan_snr=value((18, 32)),
        adc_unit=_drawn(center.adc_units, rng),
    )


def _drawn(options: tuple[tuple[Any, float], ...], rng: np.random.Generator) -> Any:
    return options[int(rng.choice(len(options), p=[share for _, share in options]))][0]


def draw_rotation(tilt_deg: Range, rng: np.random.Generator) -> Matrix:
    """Draw a rotation: slices tilted about the left-right axis as on the console, and slightly about the others."""
    angles = np.deg2rad([rng.uniform(*tilt_deg), rng.normal(0, 2.0), rng.normal(0, 2.5)])
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def draw_grid(
    brain: Brain,
    limits: GridRange,
    rotation: Matrix,
    orientation: str,
    shift_mm: npt.NDArray[np.float64],
    randomisation: float,
    rng: np.random.Generator,
) -> VoxelGrid:
    """Draw a grid that covers the brain, with axes along the rotated body axes, stored in that orientation."""
    stretch = np.exp(randomisation * rng.normal(0, 0.2, 2))
    in_plane, between = (
        rng.uniform(*limits.in_plane_mm) * stretch[0],
        rng.uniform(*limits.slice_mm) * stretch[1],
    )
    lattice = brain.lattice
    index = np.unravel_index(lattice.where[brain.inside < 0][::20], lattice.shape)
    inside = np.stack(index, axis=1) * lattice.step_mm + lattice.origin_mm
    along = inside @ rotation
    low, high = along.min(axis=0) - 4, along.max(axis=0) + 4
    matrix = None
    if limits.matrix is not None:  # the matrix that comes nearest to that spacing with a usual field of view
        matrix = min(limits.matrix, key=lambda size: abs(np.log(size * in_plane / 235)))
        in_plane = float(np.clip(in_plane, (high - low)[:2].max() / matrix, 260 / matrix))
        count = int(np.clip(np.ceil((high - low)[2] / between), *limits.slices))
        between = max((high - low)[2] / count, between if count > limits.slices[0] else 0)
    spacing = np.array([in_plane, in_plane, between])
    size = np.ceil((high - low) / spacing).astype(int)
    shape = size.copy() if matrix is None else np.array([matrix, matrix, max(size[2], limits.slices[0])])
    before = (shape - size) // 2
    middle = (low + high) / 2
    first = middle - (size - 1) / 2 * spacing - before * spacing
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = rotation @ first + shift_mm
    box = tuple(slice(int(b), int(b + s)) for b, s in zip(before, size, strict=True))
    return oriented(VoxelGrid(_triple(shape), affine, (box[0], box[1], box[2])), orientation)


def _triple(shape: npt.NDArray[Any]) -> tuple[int, int, int]:
    return int(shape[0]), int(shape[1]), int(shape[2])


def oriented(grid: VoxelGrid, orientation: str) -> VoxelGrid:
    """A grid along the body axes (RAS), stored with the axis codes of an orientation."""
    affine, box = grid.affine.copy(), list(grid.box)
    for axis, (wanted, own) in enumerate(zip(orientation, "RAS", strict=True)):
        if wanted != own:
            size = grid.shape[axis]
            affine[:3, 3] += affine[:3, axis] * (size - 1)
            affine[:3, axis] *= -1
            box[axis] = slice(size - box[axis].stop, size - box[axis].start)
    return VoxelGrid(grid.shape, np.round(affine, 6), (box[0], box[1], box[2]))


def factors_for(grid: VoxelGrid, lattice: Lattice) -> tuple[int, int, int]:
    """Samples per voxel along each axis; a single linear sample already averages over 1.5 to 2 steps."""
    first, second, third = (max(1, round(mm / lattice.step_mm - 0.6)) for mm in grid.spacing_mm)
    return first, second, third


def fine_affine(grid: VoxelGrid, factors: tuple[int, int, int]) -> Matrix:
    """4×4, from indices of a grid over the box that is `factors` times finer to scanner mm."""
    affine = grid.box_affine
    inner = np.asarray(factors, float)
    fine = affine.copy()
    fine[:3, :3] = affine[:3, :3] / inner
    fine[:3, 3] = affine[:3, 3] + affine[:3, :3] @ (0.5 / inner - 0.5)
    return fine


def sampled(
    volume: Field, lattice: Lattice, shift_mm: npt.NDArray[np.float64], affine: Matrix, shape: tuple[int, ...]
) -> Field:
    """A map on the whole lattice, interpolated linearly at the points of another grid."""
    from scipy import ndimage

    offset = (affine[:3, 3] - shift_mm - lattice.origin_mm) / lattice.step_mm
    return np.asarray(
        ndimage.affine_transform(volume, affine[:3, :3] / lattice.step_mm, offset, shape, order=1, cval=0.0),
        np.float32,
    )


def averaged(fine: npt.NDArray[Any], factors: tuple[int, int, int]) -> npt.NDArray[Any]:
    """Means over blocks of `factors` voxels, the values of a coarse grid."""
    first, second, third = (size // factor for size, factor in zip(fine.shape, factors, strict=True))
    blocks = fine.reshape(first, factors[0], second, factors[1], third, factors[2])
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=fine.dtype))


def truncated(fine: Field, factors: tuple[int, int, int]) -> Field:
    """The values of a coarse grid as a scanner reads them: in plane by its part of k-space, averages across slices.

    An edge is followed by Gibbs ringing: some percent of its height, alternating from voxel to voxel.
    """
    from scipy import fft

    image = averaged(fine, (1, 1, factors[2])).astype(np.complex64)
    for axis, factor in enumerate(factors[:2]):
        count = image.shape[axis] // factor
        kept = np.rint(np.fft.fftfreq(count, 1 / count)).astype(int)
        # To the middle of each coarse voxel, which lies (factor - 1) / 2 fine ones behind its first.
        phase = np.exp(2j * np.pi * kept * (factor - 1) / 2 / image.shape[axis]) / factor
        spectrum = np.take(fft.fft(image, axis=axis, workers=1), kept, axis)
        turned = phase.astype(np.complex64).reshape([-1 if dim == axis else 1 for dim in range(3)])
        image = fft.ifft(spectrum * turned, axis=axis, workers=1)
    return np.asarray(image.real, np.float32)


def voxels(
    volume: Field, lattice: Lattice, grid: VoxelGrid, shift_mm: npt.NDArray[np.float64], ringing: float
) -> Field:
    """A map on the whole lattice, averaged over the voxels in a grid's box, with that share of Gibbs ringing."""
    factors = factors_for(grid, lattice)
    if ringing:
        factors = max(2, factors[0]), max(2, factors[1]), factors[2]
    size = tuple(n * factor for n, factor in zip(grid.box_shape, factors, strict=True))
    fine = sampled(volume, lattice, shift_mm, fine_affine(grid, factors), size)
    plain = np.asarray(averaged(fine, factors), np.float32)
    return plain if not ringing else plain + np.float32(ringing) * (truncated(fine, factors) - plain)


def blurred(image: Field, grid: VoxelGrid, psf_mm: float, slices: float) -> Field:
    """The image at its acquired resolution: standard deviation `psf_mm` in plane, and so many slices across."""
    from scipy import ndimage

    own = grid.spacing_mm / np.sqrt(12)
    wanted = np.array([psf_mm, psf_mm, slices * grid.spacing_mm[2]])
    sigma = np.sqrt(np.maximum(wanted**2 - own**2, 0)) / grid.spacing_mm
    return np.asarray(ndimage.gaussian_filter(image, sigma, truncate=3), np.float32)


def coil_bias(brain: Brain, strength: float, rng: np.random.Generator) -> Field:
    """Receive sensitivity `[n]`: higher near the coil, that is at the rim, and uneven."""
    x, y, z = brain.points
    rim = (x / 68) ** 2 + ((y + 15) / 88) ** 2 + ((z - 8) / 78) ** 2 - np.float32(0.5)
    tilt = rng.normal(0, 0.35, 3)
    slope = np.float32(tilt[0] / 65) * x + np.float32((tilt[1] - 0.3) / 80) * y + np.float32(tilt[2] / 70) * z
    return np.asarray(np.exp(strength * (rim + slope + 0.35 * brain.lattice.noise(80, rng))), np.float32)
