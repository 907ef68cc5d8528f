"""Drawn values that contradict each other are repaired, where a user's are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from search_spaces.repair import repaired, with_drawn
from study.config import Config, Postprocessing, validate
from study.errors import ConfigError


def config() -> Config:
    return validate({"study": {"name": "s"}})


def test_drawn_values_that_do_not_go_together_are_repaired():
    settings = Postprocessing(steps=("threshold", "grow", "near_lesion", "fill_holes"))
    drawn = repaired(settings, {"threshold": 0.2, "near_lesion.voxels": None})
    assert drawn.steps == ("threshold", "grow", "fill_holes")
    assert (drawn.threshold, drawn.grow.threshold) == (0.2, 0.2)


def test_drawn_values_that_go_together_stay():
    settings = Postprocessing(steps=("threshold", "grow", "near_lesion"))
    drawn = repaired(settings, {"threshold": 0.4, "near_lesion.mm": 3, "near_lesion.voxels": None})
    assert drawn == Postprocessing(
        steps=("threshold", "grow", "near_lesion"), threshold=0.4, near_lesion={"voxels": None, "mm": 3.0}
    )


def test_a_drawn_threshold_of_a_step_that_is_left_out_stays():
    assert repaired(Postprocessing(), {"grow.threshold": 0.9}).grow.threshold == 0.9


@pytest.mark.parametrize("values", [{"threshold": 1.5}, {"steps": ["grow"]}, {"steps": 3}])
def test_drawn_values_that_are_illegal_on_their_own_are_refused(values):
    with pytest.raises(ValidationError):
        repaired(Postprocessing(), values)


def test_a_limit_that_is_drawn_away_takes_only_its_step_out():
    settings = Postprocessing(steps=("threshold", "near_lesion", "fill_holes"), remove_small={"voxels": 7})
    drawn = repaired(settings, {"near_lesion.voxels": None})
    assert drawn == settings.model_copy(
        update={"steps": ("threshold", "fill_holes"), "near_lesion": drawn.near_lesion}
    )
    assert drawn.near_lesion.without_limit


def test_a_step_that_is_drawn_twice_is_refused_even_if_it_would_be_left_out():
    values = {"steps": ["threshold", "near_lesion", "near_lesion"], "near_lesion.voxels": None}
    with pytest.raises(ValidationError, match="near_lesion twice"):
        repaired(Postprocessing(), values)


def test_a_threshold_of_growing_that_is_illegal_on_its_own_is_not_repaired():
    with pytest.raises(ValidationError, match=r"grow\.threshold"):
        repaired(Postprocessing(), {"steps": ["threshold", "grow"], "grow.threshold": 2.0})


VALUES = {"postprocessing.steps": ["threshold", "grow"], "postprocessing.threshold": 0.2}


def test_what_a_sampler_drew_is_repaired_where_a_user_s_is_refused():
    with pytest.raises(ConfigError, match=r"grow\.threshold must not be above threshold=0\.2, got 0\.3"):
        config().with_values(VALUES)
    drawn = with_drawn(config(), {**VALUES, "trainer.epochs": 7})
    assert (drawn.postprocessing.grow.threshold, drawn.trainer.epochs) == (0.2, 7)


def test_repair_hides_no_other_mistake():
    with pytest.raises(ConfigError) as caught:
        with_drawn(config(), {**VALUES, "trainer.epochs": 0})
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["trainer.epochs"]
    with pytest.raises(ConfigError) as caught:
        with_drawn(config(), {**VALUES, "postprocessing.threshold": 1.5})
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["postprocessing.threshold"]
