"""What dry_run says of a search."""

from __future__ import annotations

import pytest

from search_spaces import SearchSpace
from study.commandline.composition import compose
from study.workflow.searched import describe_search


def described(*arguments: str) -> list[str]:
    config = compose(arguments)
    return describe_search(SearchSpace.parse(config.search_space, config), config.study.trials)


def test_each_setting_is_listed_with_its_first_value_its_range_and_its_condition() -> None:
    lines = described("search_space.schedule.shape.choices=[step,sigmoid]", "search_space.schedule.end=0.0")
    assert [" ".join(line.split()) for line in lines] == [
        "What is searched (search_space), each try with a training of its own:",
        "setting first trial from what",
        "modality_dropout.drop_probability 0.5 0.1 to 0.9",
        "modality_dropout.noise_std 0.01 0 to 0.1",
        "schedule.shape step step, sigmoid",
        "schedule.steepness – 4 to 20, logarithmic (with schedule.shape=sigmoid)",
        "schedule.steps 4 2 to 8, whole numbers (with schedule.shape=step)",
        "trainer.learning_rate 0.1 0.03333 to 0.3, logarithmic",
        "What is searched after each training, on its kept probabilities:",
        "setting default from what",
        "postprocessing.remove_small.ml 0 0 to 0.5",
        "postprocessing.threshold 0.5 0.2 to 0.8",
        "What the search space sets:",
        "schedule.end=0",
        "The first trial has the configured settings, except for what follows; the others are compared with it.",
        "The second one has what the paper has: modality_dropout.drop_probability=0.8.",
        "schedule.exponent: is not searched, since it counts with schedule.shape=polynomial only",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["search_space=models"],
            "The first trial has the configured settings; the others are compared with it.",
        ),
        ([], "The second one has what the paper has: modality_dropout.drop_probability=0.8."),
        (
            ["study.trials=1"],
            "The only trial has the configured settings: just its post-processing is searched.",
        ),
        (
            ["experiment=thrombus_slices"],
            "The first 5 trials go through what is tried in turn, with the configured settings.",
        ),
        (["technique=moddrop_plus"], "The second one has what the paper has: head.init=paper."),
    ],
)
def test_the_first_trials_are_told(arguments: list[str], said: str) -> None:
    assert described(*arguments)[-1] == said


def test_a_space_without_ranges_searches_nothing() -> None:
    config = compose([])
    space = SearchSpace.parse({"schedule": {"shape": "linear"}}, config)
    assert describe_search(space, 3) == [
        "What is searched (search_space), each try with a training of its own:",
        "  nothing",
        "What the search space sets:",
        "  schedule.shape=linear",
    ]


def test_what_is_expected_is_listed_and_tried() -> None:
    lines = described(
        "search_space.modality_dropout.drop_probability.prior.at=0.8",
        "search_space.schedule.shape.prior.at=cosine",
    )
    listed = [" ".join(line.split()) for line in lines]
    assert "modality_dropout.drop_probability 0.5 0.1 to 0.9, expected 0.8 ± 0.2 of the range" in listed
    assert any(line.endswith(", expected cosine at 50 %") for line in listed)
    assert lines[-1] == (
        "Then what is expected (prior): modality_dropout.drop_probability=0.8, schedule.shape=cosine."
    )
