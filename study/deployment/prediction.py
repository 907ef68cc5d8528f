"""What a bundle predicts for one subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import label_components
from study.imaging.geometry import Centroid
from study.imaging.impute import sources_of
from study.imaging.lesion import LesionCenter
from study.imaging.volume import Grid, Volume


@dataclass(frozen=True, eq=False)
class Prediction:
    """The prediction for one subject.

    Attributes:
        mask: bool [D, H, W], RAS+, on the grid of `reference`.
        probability: float32 [D, H, W], on the same grid.
        grid: of mask and probability.
        reference: the input file that has this grid.
        absent: modalities of the bundle that were not given.
        computed: those of them that were computed from others.
        substituted: modality to the sequence that was given in its place.
        volume_ml: of the mask.
        warnings: why not to rely on the prediction: implausible images, a subset that was not tested.
        lesion: center of mass, in voxels of `grid`, of the lesion used to locate a thrombus; None if unknown.
        target: the reference mask, bool [D, H, W] on the same grid; None unless one was given.
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    grid: Grid
    reference: Path
    absent: tuple[str, ...]
    substituted: Mapping[str, str]
    volume_ml: float
    lesion: Centroid | None = None
    warnings: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()
    target: NDArray[np.bool_] | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the mask must know about the input: "without B0", "with SWI in SWAN's place"."""
        missing = [name for name in self.absent if name not in self.computed]
        absent = (f"without {', '.join(missing)}",) if missing else ()
        computed = (f"with {name} computed from {' and '.join(sources_of(name))}" for name in self.computed)
        stand_ins = (f"with {other} in {name}'s place" for name, other in self.substituted.items())
        return (*absent, *computed, *stand_ins)

    @property
    def components_ml(self) -> tuple[float, ...]:
        """The volumes of the mask's 26-connected components."""
        labels, count = label_components(self.mask)
        sizes = np.bincount(labels[self.mask], minlength=count + 1)[1:]
        return tuple((sizes * self.grid.voxel_volume_ml).tolist())

    @property
    def center(self) -> LesionCenter | None:
        """The center of mass of the mask; None if it is empty."""
        return LesionCenter.of(Volume(self.mask, self.grid))

    def write(self, mask: Path | str, probability: Path | str | None = None) -> None:
        """Write the mask, and optionally the probability, as NIfTI in the orientation of the reference."""
        from study.imaging.write import write_mask, write_volume

        write_mask(Path(mask), self.mask, self.reference)
        if probability is not None:
            write_volume(Path(probability), self.probability, self.reference)
