from __future__ import annotations

import math

import numpy as np
import pytest
from builders import availability

from study.cohort.records import SubjectFacts
from study.config import Evaluation
from study.evaluation.chains import Chains
from study.evaluation.cross_center import Judge
from study.imaging.prepared import Prepared
from study.imaging.volume import Grid
from study.machine.runtime import Runtime

CHAINS = Chains(
    full={"threshold": 0.5, "remove_small": {"ml": 0.02}},
    missing={
        "steps": ["threshold", "near_lesion"],
        "threshold": 0.25,
        "near_lesion": {"voxels": None, "mm": 4},
    },
)
CPU = Runtime.choose("cpu", "fp32")
PROBABILITY = np.array([[[0.9, 0.9, 0.0, 0.3, 0.0, 0.6]]], np.float32)
REFERENCE = np.array([[[1, 1, 0, 0, 0, 0]]], np.uint8)


def subject(
    lesion: tuple[float, float, float] | None, *, b0: bool = True, withheld: tuple[str, ...] = ()
) -> Prepared:
    """One slice of six voxels of 5×2×1 mm, 0.01 mL."""
    grid = Grid((1, 1, 6), np.diag([5.0, 2.0, 1.0, 1.0]))
    image = np.zeros((3, 1, 1, 6), np.float32)
    foreground = np.argwhere(REFERENCE).astype(np.int16)
    return Prepared(
        SubjectFacts("CHSF-0001", "CHSF", withheld=withheld),
        image,
        (True, True, b0),
        REFERENCE,
        foreground,
        grid,
        grid,
        REFERENCE,
        lesion,
    )


def judge(*, modalities: tuple[str, ...] = ("DWI", "ADC", "B0")) -> Judge:
    return Judge(modalities, modalities[2:], Evaluation(), (1, 1, 6), CPU)


ALL = availability("DWI+ADC+B0")
REMOVED = availability("DWI+ADC+B0", "DWI+ADC", removed="B0")
NEVER_THERE = availability("DWI+ADC+B0", "DWI+ADC")


@pytest.mark.parametrize(
    ("subset", "lesion", "drawn"),
    [
        (ALL, None, "##...."),
        (ALL, (0.0, 0.0, 5.0), "##...."),
        (REMOVED, None, "##.#.#"),
        (REMOVED, (0.0, 0.0, 5.0), "...#.#"),  # 4.5, 2 and 0 mm from the lesion
        (NEVER_THERE, None, "##.#.#"),  # what a subject lacks is missing, too
        (NEVER_THERE, (0.0, 0.0, 0.5), "##.#.."),
    ],
)
def test_what_the_network_was_given_and_the_lesion_decide_on_the_mask(subset, lesion, drawn):
    mask = judge().mask(subject(lesion, b0=subset is not NEVER_THERE), subset, PROBABILITY, CHAINS)
    assert "".join("#" if voxel else "." for voxel in mask[0, 0]) == drawn


def test_an_independent_model_that_is_given_all_that_it_knows_lacks_nothing():
    own = judge(modalities=("DWI", "ADC"))
    subset = availability("DWI+ADC")
    row = own.row(3, "test", True, subject(None, withheld=("B0",)), subset, PROBABILITY, CHAINS)
    assert row.removed == "B0"  # in the tables
    assert row.predicted_volume_ml == pytest.approx(0.02)  # the chain for all


def test_the_calibration_of_a_row_is_of_probabilities_before_post_processing_over_the_brain():
    bright = subject(None)
    bright.image[0, :, :, :3] = 1.0  # the brain: 3 of 6 voxels
    row = judge().row(3, "test", False, bright, ALL, PROBABILITY, CHAINS)
    # Bins: 0.9 twice, both the target; 0.3; 0.6.
    assert row.calibration_error == pytest.approx((0.2 + 0.3 + 0.6) / 3)
    nowhere = judge().row(3, "test", False, subject(None), ALL, PROBABILITY, CHAINS)
    assert math.isnan(nowhere.calibration_error)


def test_a_row_scores_the_mask():
    row = judge().row(3, "test", False, subject((0.0, 0.0, 5.0)), REMOVED, PROBABILITY, CHAINS)
    assert (row.trial, row.center, row.subset, row.removed) == (3, "CHSF", "DWI+ADC", "B0")
    assert row.dice == 0
    assert row.predicted_volume_ml == pytest.approx(0.02)
    assert row.reference_volume_ml == pytest.approx(0.02)
    full = judge().row(3, "test", False, subject(None), ALL, PROBABILITY, CHAINS)
    assert full.dice == 1
