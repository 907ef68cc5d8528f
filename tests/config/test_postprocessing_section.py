"""Post-processing settings that a user gives: what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from study.config import Postprocessing


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"steps": ()}, "steps must begin with threshold, got none"),
        ({"steps": ("grow", "threshold")}, "steps must begin with threshold, got grow, threshold"),
        (
            {"steps": ("threshold", "grow", "fill_holes", "grow")},
            "steps must list each step at most once, got grow twice",
        ),
        (
            {"steps": ("threshold", "grow"), "threshold": 0.4, "grow": {"threshold": 0.41}},
            r"grow.threshold must not be above threshold=0.4, got 0.41",
        ),
        (
            {"steps": ("threshold", "near_lesion"), "near_lesion": {"voxels": None}},
            "near_lesion needs a limit, got voxels=null and mm=null; give one, or leave near_lesion out of steps",
        ),
    ],
)
def test_a_chain_that_cannot_be_meant_is_refused(values, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Postprocessing(**values)


def test_steps_that_are_left_out_are_not_judged():
    Postprocessing(threshold=0.2, grow={"threshold": 0.9}, near_lesion={"voxels": None})


def test_growing_at_the_threshold_itself_is_allowed():
    Postprocessing(steps=("threshold", "grow"), threshold=0.4, grow={"threshold": 0.4})
