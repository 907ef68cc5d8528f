"""One healthy brain on a fine grid, stored only for voxels in and just outside the brain."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from study.phantoms.shapes import Field, Points, Triple, smooth_noise


@dataclass(frozen=True)
class Person:
    """What makes a brain individual.

    Attributes:
        age: in years.
        scale: size relative to the template along x, y and z.
        atrophy: from 0 to 1.
        ventricle: relative width of the ventricles.
        sulcus_mm: width of the sulci.
        cortex_mm: thickness of the cortex.
    """

    age: float
    scale: Triple
    atrophy: float
    ventricle: float
    sulcus_mm: float
    cortex_mm: float


@dataclass(frozen=True)
class Lattice:
    """A fine grid `[X, Y, Z]` (right, anterior, superior) and the flat indices `[n]` of the voxels that are kept."""

    origin_mm: npt.NDArray[np.float64]
    step_mm: float
    shape: tuple[int, int, int]
    where: npt.NDArray[np.int64]

    @property
    def axes(self) -> list[npt.NDArray[np.float64]]:
        """Millimetre positions along the three axes."""
        return [o + self.step_mm * np.arange(n) for o, n in zip(self.origin_mm, self.shape, strict=True)]

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel."""
        return self.step_mm**3 / 1000

    def noise(self, wavelength_mm: float, rng: np.random.Generator) -> Field:
        """Smooth random values `[n]` of unit variance at the kept voxels."""
        return np.asarray(smooth_noise(self.axes, wavelength_mm, rng).ravel()[self.where])

    def spread(self, values: Field, outside: float = 0.0) -> Field:
        """The values `[n]` on the whole grid `[X, Y, Z]`, with `outside` elsewhere."""
        whole = np.full(self.shape, outside, np.float32)
        whole.reshape(-1)[self.where] = values
        return whole


@dataclass
class Brain:
    """Tissue shares `[n]` at the voxels of a lattice.

    Attributes:
        points: template coordinates of each voxel in mm; x is signed (right positive).
        inside: distance in mm to the outer surface of the brain with its fluid, negative inside.
        ventricles: distance to the ventricles in mm.
        fluid: share of cerebrospinal fluid; the rest is parenchyma.
        shares: share of each other tissue in the parenchyma where it is not white matter.
        limbic: share of cortex that is naturally bright in diffusion (insula, cingulum, hippocampus).
        tracts: share of dense tracts along the body axis.
    """

    person: Person
    lattice: Lattice
    points: Points
    inside: Field
    ventricles: Field
    fluid: Field
    limbic: Field
    tracts: Field
    shares: dict[str, Field] = field(default_factory=dict)

    def at(self, index: int) -> Triple:
        """Template coordinates of one voxel."""
        x, y, z = (float(coordinate[index]) for coordinate in self.points)
        return x, y, z

    def parenchyma(self, values: dict[str, float]) -> Field:
        """A property of the parenchyma `[n]` from its value in each tissue."""
        total = np.full(self.fluid.shape, values["white"], np.float32)
        for name, share in self.shares.items():
            total += share * np.float32(values[name] - values["white"])
        return total
