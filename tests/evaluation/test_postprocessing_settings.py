from __future__ import annotations

import pytest
from pydantic import ValidationError

from study.config import Postprocessing
from study.evaluation.chains import Chains, absent_of


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


def test_drawn_values_that_do_not_go_together_are_mended():
    settings = Postprocessing(steps=("threshold", "grow", "near_lesion", "fill_holes"))
    drawn = settings.drawn({"threshold": 0.2, "near_lesion.voxels": None})
    assert drawn.steps == ("threshold", "grow", "fill_holes")
    assert (drawn.threshold, drawn.grow.threshold) == (0.2, 0.2)


def test_drawn_values_that_go_together_stay():
    settings = Postprocessing(steps=("threshold", "grow", "near_lesion"))
    drawn = settings.drawn({"threshold": 0.4, "near_lesion.mm": 3, "near_lesion.voxels": None})
    assert drawn == Postprocessing(
        steps=("threshold", "grow", "near_lesion"), threshold=0.4, near_lesion={"voxels": None, "mm": 3.0}
    )


def test_a_drawn_threshold_of_a_step_that_is_left_out_stays():
    assert Postprocessing().drawn({"grow.threshold": 0.9}).grow.threshold == 0.9


@pytest.mark.parametrize("values", [{"threshold": 1.5}, {"steps": ["grow"]}, {"steps": 3}])
def test_drawn_values_that_are_illegal_on_their_own_are_refused(values):
    with pytest.raises(ValidationError):
        Postprocessing().drawn(values)


def test_missing_modalities_may_have_a_chain_of_their_own():
    full, missing = Postprocessing(threshold=0.6), Postprocessing(threshold=0.4)
    chains = Chains(full=full, missing=missing)
    assert (chains.of(""), chains.of("B0")) == (full, missing)
    assert Chains(full=full).of("ADC+B0") == full


@pytest.mark.parametrize(
    ("subset", "absent"), [("DWI+ADC+B0", ""), ("DWI+ADC", "B0"), ("ADC", "DWI+B0"), ("B0", "DWI+ADC")]
)
def test_what_a_network_is_not_given(subset, absent):
    assert absent_of(subset, ("DWI", "ADC", "B0")) == absent
