"""Settings that the command line gives and the search space sets, too."""

from __future__ import annotations

import pytest

from study.commandline.composition import compose
from study.errors import ConfigError


def conflicts(*arguments: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        compose(arguments)
    return caught.value.problems


def test_a_setting_that_is_searched_is_refused_with_what_to_write_instead() -> None:
    assert conflicts("trainer.learning_rate=0.02", "modality_dropout.drop_probability=0.8") == (
        "trainer.learning_rate: 0.02 is given, and the search space searches it (0.006667 to 0.06, logarithmic); for "
        "0.02 in all trials, write search_space.trainer.learning_rate=0.02 instead; to begin the search at 0.02, "
        "also give search_space.trainer.learning_rate.low=… or .high=…",
        "modality_dropout.drop_probability: 0.8 is given, and the search space searches it (0.1 to 0.9); for 0.8 in "
        "all trials, write search_space.modality_dropout.drop_probability=0.8 instead; to begin the search at 0.8, "
        "also give search_space.modality_dropout.drop_probability.low=… or .high=…",
    )
    (problem,) = conflicts("schedule.shape=cosine")
    assert problem.endswith(
        "to begin the search at cosine, also give search_space.schedule.shape.choices=[…]"
    )


def test_what_the_conflict_proposes_works() -> None:
    held = compose(["search_space.trainer.learning_rate=0.02", "search_space.schedule.shape=linear"])
    assert held.trainer.learning_rate == 0.02
    assert held.schedule.shape == "linear"
    begun = compose(["trainer.learning_rate=0.02", "search_space.trainer.learning_rate.low=0.001"])
    assert begun.trainer.learning_rate == 0.02
    assert begun.search_space["trainer"]["learning_rate"] == {
        "type": "float",
        "log": True,
        "low": 0.001,
        "high": 0.06,
    }


def test_a_setting_that_the_space_sets_otherwise_is_refused() -> None:
    assert conflicts("search_space=none", "schedule.shape=linear") == (
        "schedule.shape: linear is given, and the search space sets none in all trials; leave it out, or write "
        "search_space.schedule.shape=linear instead",
    )
    assert compose(["search_space=none", "schedule.shape=none"]).schedule.shape == "none"


def test_a_choice_that_no_trial_would_have_is_refused() -> None:
    assert conflicts("model=resenc_unet", "search_space=multiunet") == (
        "model: resenc_unet is chosen, and the search space has model.name=multiunet; choose another search_space, or "
        "write search_space.model.name=resenc_unet",
    )
    (problem,) = conflicts("schedule=abrupt")
    assert problem.startswith(
        "schedule: abrupt is chosen, and the search space has schedule.shape=step, linear, cosine"
    )
    assert compose(["schedule=linear"]).schedule.shape == "linear"  # the first trial has it
    assert compose(["model=urn", "search_space=models"]).model.name == "urn"


def test_a_section_as_a_whole_is_looked_into() -> None:
    (problem,) = conflicts("modality_dropout={drop_probability: 0.8}")
    assert problem.startswith("modality_dropout.drop_probability: 0.8 is given")


def test_one_training_has_what_is_given() -> None:
    single = compose(["study.trials=1", "trainer.learning_rate=0.02", "schedule=abrupt"])
    assert single.trainer.learning_rate == 0.02
    assert conflicts("study.trials=1", "postprocessing.threshold=0.4")[0].startswith(
        "postprocessing.threshold: 0.4 is given, and the search space searches it (0.2 to 0.8)"
    )


def test_what_files_set_is_where_the_search_begins() -> None:
    config = compose(["experiment=thrombus_slices"])  # its network and trainer set what is searched
    assert config.model.slices == 12
    assert compose(["trainer=nnunet"]).trainer.learning_rate == 0.01
