"""Records for tests: complete ones, of which a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from study.cohort.availability import Availability
from study.evaluation.rows import ResultRow

ROW = ResultRow(
    trial=0,
    split="test",
    center="CHSF",
    seen=True,
    subject="CHSF-0001",
    subset="DWI+ADC+B0",
    removed="",
    dice=0.6,
    detected=1.0,
    ppv=0.7,
    tpr=0.5,
    voxel_correlation=0.6,
    lesion_f1=0.5,
    lfpr=0.25,
    ltpr=0.75,
    panoptic_quality=0.4,
    segmentation_quality=0.8,
    recognition_quality=0.5,
    count_difference=1,
    volume_difference_ml=0.5,
    relative_volume_difference=0.05,
    hd95_mm=3.0,
    assd_mm=1.0,
    nsd=0.8,
    reference_volume_ml=10.0,
    predicted_volume_ml=9.5,
    occlusion="",
    substituted="",
    mirrored="",
    false_positives=1,
    false_positive_voxels=30.0,
    false_positive_ml=0.3,
    false_negatives=0,
    false_negative_voxels=0.0,
    false_negative_ml=0.0,
    calibration_error=0.002,
)


def availability(modalities: str, given: str = "", removed: str = "") -> Availability:
    """From texts as rows have them, `DWI+B0`; all are given unless others are named."""
    all_of_them, some, taken = (tuple(filter(None, text.split("+"))) for text in (modalities, given, removed))
    return Availability(all_of_them, some or all_of_them, taken)


def result_row(**changes: Any) -> ResultRow:
    """A row of a test subject at a seen center that is given all modalities."""
    return replace(ROW, **changes)


def rows_frame(*changes: dict[str, Any]) -> pd.DataFrame:
    """Rows as they are read from a file, one for each of the changes."""
    return pd.DataFrame([result_row(**each).cells() for each in changes], columns=list(result_row().cells()))
