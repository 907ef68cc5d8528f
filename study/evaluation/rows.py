"""One line of a trial's results: how well one subject is segmented from one availability subset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

ENSEMBLE, RULE = -1, -2  # in place of a trial's number
Split = Literal["validation", "test", "control"]


@dataclass(frozen=True)
class ResultRow:
    """How well one trial segments one subject from one availability subset.

    Attributes:
        trial: its number; ENSEMBLE for the mean of several, RULE for the rule without training.
        split: control scans are tested apart from test subjects.
        center: where the subject was acquired.
        seen: whether the network learnt from subjects of this center.
        subject: the pseudonym.
        subset: the modalities given, `DWI+ADC`, in the cohort's order.
        removed: the modalities taken away, `B0`; "" where the network is given all that the subject has.
        dice: 0 to 1; where both masks are empty see `study.evaluation.metrics`.
        detected: 1 or 0; nan where the reference is empty.
        lesion_f1: F1 over components.
        count_difference: absolute difference of the numbers of components.
        volume_difference_ml: absolute difference of the volumes.
        hd95_mm: 95th percentile of surface distances; nan where a mask is empty.
        reference_volume_ml, predicted_volume_ml: volumes of both masks.
        occlusion: proximal, distal, or "" where that is not known.
        substituted: stand-ins among the modalities given, `SWAN=SWI`; "" where there are none.
        mirrored: axes of mirroring at test time, `left_right+head_foot`; "" without.
        false_positives: predicted components without a voxel in the reference.
        false_positive_voxels, false_positive_ml: their mean size; 0 where there are none.
        false_negatives: components of the reference without a predicted voxel.
        false_negative_voxels, false_negative_ml: their mean size; 0 where there are none.
        computed: modalities that are not given and whose images are computed from those that are, `B0`; "" where there
            are none (`imputation.kind`).
        extra: values of metrics from other packages, by column.
    """

    trial: int
    split: Split
    center: str
    seen: bool
    subject: str
    subset: str
    removed: str
    dice: float
    detected: float
    lesion_f1: float
    count_difference: int
    volume_difference_ml: float
    hd95_mm: float
    reference_volume_ml: float
    predicted_volume_ml: float
    occlusion: str
    substituted: str
    mirrored: str
    false_positives: int
    false_positive_voxels: float
    false_positive_ml: float
    false_negatives: int
    false_negative_voxels: float
    false_negative_ml: float
    computed: str = ""
    extra: Mapping[str, float] = field(default_factory=dict)

    def cells(self) -> dict[str, Any]:
        """The row's cells by column; `extra` adds a column for each of its metrics."""
        own = asdict(self)
        return own | dict(own.pop("extra"))


def columns() -> Iterator[str]:
    """The columns that every row has, in order."""
    return (each.name for each in fields(ResultRow) if each.name != "extra")
