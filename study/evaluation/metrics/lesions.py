"""Lesions: connected components that are found, missed and false."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from study.evaluation.components import Mask, bounding_box, label_components


@dataclass(frozen=True)
class Lesions:
    """The components of one mask compared with another mask.

    Attributes:
        count: number of components.
        alone: sizes in voxels of the components without a voxel in the other mask.
    """

    count: int
    alone: NDArray[np.int64]

    @classmethod
    def of(cls, mask: Mask, other: Mask) -> Lesions:
        """The components of a mask [D, H, W]."""
        box = bounding_box(mask)
        if box is None:
            return cls(0, np.zeros(0, np.int64))
        labels, count = label_components(mask[box])
        sizes = np.bincount(labels[mask[box]])
        sizes[labels[mask[box] & other[box]]] = 0
        return cls(count, sizes[sizes > 0])

    @property
    def mean_voxels(self) -> float:
        """Mean size of the components without a voxel in the other mask; 0 where there are none."""
        return float(self.alone.mean()) if self.alone.size else 0.0


def lesion_f1(reference: Lesions, prediction: Lesions) -> float:
    """F1 over components (ISLES 2022); 1 where both masks are empty."""
    found = reference.count - reference.alone.size
    total = 2 * found + reference.alone.size + prediction.alone.size
    return 2 * found / total if total else 1.0
