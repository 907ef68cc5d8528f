"""From a probability map to a mask: threshold, then components below a minimum volume are removed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from study.config import Postprocessing
from study.evaluation.components import Mask, bounding_box, label_components


def postprocess(probability: NDArray[np.float32], settings: Postprocessing, voxel_volume_ml: float) -> Mask:
    """The mask [D, H, W]: probability >= threshold, without 26-connected components below the minimum volume.

    Args:
        probability: [D, H, W].
        settings: threshold and minimum volume in mL.
        voxel_volume_ml: volume of one voxel in mL.
    """
    mask: Mask = probability >= np.float32(settings.threshold)
    smallest = min_voxels(settings.min_volume_ml, voxel_volume_ml)
    box = bounding_box(mask) if smallest > 1 else None
    if box is None:
        return mask
    labels, count = label_components(mask[box])
    keep = np.bincount(labels.ravel(), minlength=count + 1) >= smallest
    keep[0] = False
    mask[box] = keep[labels]
    return mask


def min_voxels(min_volume_ml: float, voxel_volume_ml: float) -> int:
    """The voxels that a component needs in order to reach a minimum volume; rounding errors are forgiven."""
    return math.ceil(min_volume_ml / voxel_volume_ml - 1e-6)
