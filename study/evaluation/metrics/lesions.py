"""Lesions: connected components that are found, missed, false, or matched."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from study.evaluation.components import Connectivity, Integers, Mask, label_components


@dataclass(frozen=True)
class Lesions:
    """The components of two masks, and which of them overlap.

    Attributes:
        reference: sizes of the reference's R components, in voxels.
        prediction: sizes of the prediction's P components, in voxels.
        pairs: of components with a voxel in common, each once [N, 2]: index of the reference's, of the prediction's.
        common: voxels that the two of each pair share [N].
    """

    reference: Integers
    prediction: Integers
    pairs: Integers
    common: Integers

    @classmethod
    def of(cls, reference: Mask, prediction: Mask, connectivity: Connectivity = 26) -> Lesions:
        """The components of two masks [D, H, W] on one grid."""
        (first, count), (second, others) = (
            label_components(mask, connectivity) for mask in (reference, prediction)
        )
        both = reference & prediction
        keys = (first[both].astype(np.int64) - 1) * others + second[both] - 1
        found, common = np.unique(keys, return_counts=True)
        return cls(
            np.bincount(first[reference], minlength=count + 1)[1:],
            np.bincount(second[prediction], minlength=others + 1)[1:],
            np.stack(np.divmod(found, max(others, 1)), axis=-1),
            common,
        )

    @property
    def missed(self) -> Integers:
        """Sizes of the reference's components without a voxel in the prediction."""
        return np.delete(self.reference, self.pairs[:, 0])

    @property
    def false(self) -> Integers:
        """Sizes of the prediction's components without a voxel in the reference."""
        return np.delete(self.prediction, self.pairs[:, 1])

    @property
    def f1(self) -> float:
        """F1 over components, found ones being those that share a voxel (ISLES 2022); 1 where both masks are empty."""
        found = self.reference.size - self.missed.size
        total = 2 * found + self.missed.size + self.false.size
        return 2 * found / total if total else 1.0

    @property
    def ltpr(self) -> float:
        """Share of the reference's components that are found; nan for an empty reference."""
        return 1 - self.missed.size / self.reference.size if self.reference.size else math.nan

    @property
    def lfpr(self) -> float:
        """Share of the prediction's components that are false; 0 for an empty prediction."""
        return self.false.size / self.prediction.size if self.prediction.size else 0.0

    @property
    def panoptic(self) -> Panoptic:
        """Panoptic quality: components match where they share more than half of their union."""
        union = self.reference[self.pairs[:, 0]] + self.prediction[self.pairs[:, 1]] - self.common
        matched = 2 * self.common > union  # no component can match two others
        ratios = self.common[matched] / union[matched]
        total = self.reference.size + self.prediction.size
        return Panoptic(
            segmentation=float(ratios.mean()) if ratios.size else math.nan,
            recognition=2 * ratios.size / total if total else 1.0,
            quality=2 * float(ratios.sum()) / total if total else 1.0,
        )


@dataclass(frozen=True)
class Panoptic:
    """Panoptic quality of one class and its two factors (Kirillov 2019, equation 1).

    Attributes:
        segmentation: mean intersection over union of matched components; nan where none match.
        recognition: F1 over components, found ones being those that match; 1 where both masks are empty.
        quality: the product of the two; 0 where none match, 1 where both masks are empty.
    """

    segmentation: float
    recognition: float
    quality: float


def mean_voxels(sizes: Integers) -> float:
    """Mean size of components; 0 where there are none."""
    return float(sizes.mean()) if sizes.size else 0.0
