"""What a user expects of a parameter: how it is read, refused, drawn from, and planned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, truncnorm
from space_cases import configure, one, refuse

from search_spaces import SearchSpace, expected_setting, planned_trials
from study.commandline.composition import compose

PRIOR = {"at": 0.5, "width": 0.2}
RATE = {"type": "float", "low": 0.001, "high": 0.1, "log": True, "prior": {"at": 0.01, "width": 0.1}}
SHAPE = {
    "type": "categorical",
    "choices": ["step", "linear", "cosine"],
    "prior": {"at": "cosine", "chance": 0.6},
}


def drawn(leaf: dict[str, Any], name: str, number: int = 4000) -> list[Any]:
    section, _, key = name.partition(".")
    priors = SearchSpace.parse(one(section, key.partition(".")[0], **leaf), configure()).priors
    rng = np.random.default_rng(0)
    return [priors[name].expected(name, rng) for _ in range(number)]


def test_a_number_is_drawn_from_a_normal_distribution_that_is_cut_off_at_the_ends() -> None:
    leaf = {"type": "float", "low": 0.0, "high": 0.8, "prior": {"at": 0.6, "width": 0.25}}
    values = drawn(leaf, "modality_dropout.drop_probability")
    told = truncnorm(-0.6 / 0.2, 0.2 / 0.2, loc=0.6, scale=0.2)  # a quarter of 0.8
    assert 0 <= min(values) < max(values) <= 0.8
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(values, share) == pytest.approx(told.ppf(share), abs=0.015)


def test_on_a_logarithmic_scale_the_width_is_a_share_of_the_decades() -> None:
    exponents = np.log10(drawn(RATE, "trainer.learning_rate"))  # of two decades, a tenth is 0.2
    assert exponents.mean() == pytest.approx(-2, abs=0.02)
    assert exponents.std() == pytest.approx(0.2, abs=0.02)


def test_whole_numbers_and_steps_have_each_the_share_of_their_surroundings() -> None:
    leaf = {"type": "int", "low": 2, "high": 8, "step": 2, "prior": {"at": 2, "width": 0.25}}
    values = drawn(leaf, "trainer.batch_size")
    cuts = norm(2, 0.25 * 8).cdf(np.array([1, 3, 5, 7, 9]))  # the range with half a step at both ends
    expected = np.diff(cuts) / (cuts[-1] - cuts[0])
    assert set(map(type, values)) == {int}
    shares = [values.count(value) / len(values) for value in (2, 4, 6, 8)]
    assert shares == pytest.approx(list(expected), abs=0.03)


def test_a_choice_has_its_chance_and_the_others_share_the_rest() -> None:
    values = drawn(SHAPE, "schedule.shape")
    shares = [values.count(name) / len(values) for name in ("step", "linear", "cosine")]
    assert shares == pytest.approx([0.2, 0.2, 0.6], abs=0.03)


def test_entries_of_a_list_may_have_one_expectation_each_or_the_same() -> None:
    leaf = {"type": "float", "low": 0.0, "high": 1.0, "size": 2}
    each = SearchSpace.parse(one("schedule", "drops", **leaf, prior={"at": [0.1, 0.9]}), configure())
    same = SearchSpace.parse(one("schedule", "drops", **leaf, prior={"at": 0.3}), configure())
    assert list(each.priors) == ["schedule.drops.0", "schedule.drops.1"]
    means = [
        np.mean(drawn({**leaf, "prior": {"at": [0.1, 0.9], "width": 0.05}}, name)) for name in each.priors
    ]
    assert means == pytest.approx([0.1, 0.9], abs=0.03)
    assert [p.prior.at for p in same.priors.values() if p.prior] == [[0.3, 0.3]] * 2


@pytest.mark.parametrize(
    ("leaf", "where", "what"),
    [
        ({"prior": 0.5}, "prior", "must say what is expected, such as {at: 0.1}, got 0.5"),
        ({"prior": {"width": 0.1}}, "prior", "must say what is expected"),
        ({"prior": {"at": 0.95}}, "prior.at", "outside of what is searched, 0.1 to 0.9; the nearest is 0.9"),
        ({"prior": {"at": "half"}}, "prior.at", "must be a number from 0.1 to 0.9, got 'half'"),
        ({"prior": {"at": 0.5, "width": 0}}, "prior.width", "above 0 and at most 1, got 0"),
        ({"prior": {"at": 0.5, "chance": 0.5}}, "prior.chance", "no such key; of float it has at, width"),
        (
            {"type": "categorical", "choices": [0.2, 0.4], "prior": {"at": 0.3}},
            "prior.at",
            "must be one of 0.2, 0.4, got 0.3",
        ),
        (
            {"type": "categorical", "choices": [0.2, 0.4], "prior": {"at": 0.2, "chance": 0.5}},
            "prior.chance",
            "must be above 0.5, which each of 2 choices has without a prior",
        ),
        (
            {"type": "categorical", "choices": [0.2, 0.4], "in_turn": True, "prior": {"at": 0.2}},
            "prior",
            "what is tried in turn is not drawn",
        ),
    ],
)
def test_an_expectation_that_cannot_be_meant_is_refused(leaf: dict[str, Any], where: str, what: str) -> None:
    base = {} if "type" in leaf else {"type": "float", "low": 0.1, "high": 0.9}
    (problem,) = refuse(one("modality_dropout", "drop_probability", **{**base, **leaf}))
    assert problem.startswith(f"search_space.modality_dropout.drop_probability.{where}: ")
    assert what in problem


def test_the_post_processing_takes_none() -> None:
    leaf = {"type": "float", "low": 0.2, "high": 0.8, "prior": PRIOR}
    (problem,) = refuse(one("postprocessing", "threshold", **leaf))
    assert problem.startswith(
        "search_space.postprocessing.threshold.prior: post-processing is searched thoroughly"
    )


def test_the_expected_values_are_tried_after_the_configured_ones() -> None:
    content = {"trainer": {"learning_rate": RATE}, "schedule": {"shape": SHAPE}}
    space = SearchSpace.parse(
        content, configure(schedule={"shape": "linear"}, trainer={"learning_rate": 0.02})
    )
    assert planned_trials(space, 5) == [
        {"schedule.shape": "linear", "trainer.learning_rate": 0.02},
        {"schedule.shape": "cosine", "trainer.learning_rate": 0.01},
    ]
    as_configured = configure(schedule={"shape": "cosine"}, trainer={"learning_rate": 0.01})
    assert expected_setting(SearchSpace.parse(content, as_configured)) is None


def test_the_command_line_gives_a_prior_like_any_value_of_a_space() -> None:
    path = "search_space.modality_dropout.drop_probability.prior"
    config = compose([f"{path}={{at: 0.8, width: 0.1}}"])
    assert config.search_space["modality_dropout"]["drop_probability"]["prior"] == {"at": 0.8, "width": 0.1}
    moved = compose(["search_space.trainer.learning_rate.prior.at=0.2"])
    priors = SearchSpace.parse(moved.search_space, moved).priors
    assert math.isclose(priors["trainer.learning_rate"].prior.at, 0.2)  # type: ignore[union-attr]
