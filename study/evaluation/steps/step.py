"""What a step of the post-processing consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from study.config import Postprocessing
from study.evaluation.component_lists import CaseTrees, Components
from study.evaluation.components import Mask
from study.evaluation.images import Bound, ImageValues
from study.evaluation.metrics.volume import voxel_volume_ml
from study.imaging.geometry import Centroid
from study.imaging.values import Thousandths

Probability = NDArray[np.float32]
ROUNDING = 1e-6  # voxels by which a component may miss its minimum, as 0.07 · 100 is 7.000000000000001


@dataclass(frozen=True)
class StepContext:
    """What steps read beside the probabilities.

    Attributes:
        spacing_mm: voxel size along D, H, W.
        lesion: center of mass of the lesion on the map's grid; None where there is none.
        images: the given images that the steps read, on the map's grid.
    """

    spacing_mm: tuple[float, float, float]
    lesion: Centroid | None = None
    images: tuple[ImageValues, ...] = ()

    def values(self, modality: str) -> Thousandths | None:
        """The image [D, H, W] of a modality, in thousandths (`study.imaging.values`); None if it is not given."""
        return next((one.values for one in self.images if one.modality == modality), None)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return voxel_volume_ml(self.spacing_mm)


@dataclass(frozen=True)
class PostprocessingStep:
    """One step of a chain.

    Attributes:
        apply: the mask [D, H, W] after the step, from the mask before it, the probabilities [D, H, W], the settings of
            the whole chain and the subject's context. The mask before it is not changed.
        words: the step as a sentence, from the settings of the chain; "" where these settings make it do nothing.
        on_components: the same as `apply`, as arithmetic on the components of many masks at once, one for each setting
            and case. None: the search applies the step to the maps themselves, which is thousands of times slower.
        thresholds: the settings that are compared with probabilities, as paths in `postprocessing`.
        image: the setting that names the modality whose image the step reads, as a path in `postprocessing`; None if
            it reads none. The step leaves the mask as it is where that is not given.
        region: for a step whose components are those of the voxels within a bound, that bound; `on_components` is then
            called with the trees of these voxels (`CaseTrees.within`).
        rounded: settings that a search rounds to multiples of a number, as paths in `postprocessing`.
    """

    apply: Callable[[Mask, Probability, Postprocessing, StepContext], Mask]
    words: Callable[[Postprocessing], str]
    on_components: Callable[[Components, Sequence[Postprocessing], CaseTrees], Components] | None = None
    thresholds: tuple[str, ...] = ()
    image: str | None = None
    region: Callable[[Postprocessing], Bound] | None = None
    rounded: Mapping[str, float] = field(default_factory=dict)
