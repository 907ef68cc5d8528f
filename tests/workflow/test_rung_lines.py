"""What dry_run says of the rungs."""

from __future__ import annotations

import pytest

from search_spaces import SearchSpace
from study.commandline.composition import compose
from study.workflow.rung_lines import rung_lines

WHERE = (
    "scheduler=asha compares trials at epochs 10, 20: from 0.25 of the epochs on (tuning.first_rung), each 2 times as "
    "far as the one before (tuning.reduction_factor), at a validation"
)
WHY = "as modalities have not faded out there"
REMEDY = (
    "schedule.clock=rung fits a whole schedule before each rung; "
    "tuning.wait_for_fade_out=false compares trials all the same"
)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], [WHERE, f"none is stopped at epochs 10, 20, {WHY}", REMEDY]),
        (["schedule.clock=rung"], [WHERE]),
        (["modality_dropout.droppable=[]"], [WHERE]),
        (["search_space=abrupt", "schedule=abrupt"], [WHERE]),
        (
            ["tuning.wait_for_fade_out=false"],
            [WHERE, "whether or not modalities have faded out there (tuning.wait_for_fade_out=false)"],
        ),
        (
            ["search_space.schedule.shape.choices=[step,linear,abrupt]"],
            [WHERE, f"none is stopped at epochs 10, 20 with shape=step, linear, {WHY}", REMEDY],
        ),
        (
            ["search_space.schedule.shape=linear", "search_space.schedule.clock.type=categorical",
             "search_space.schedule.clock.choices=[trial,rung]"],
            [WHERE, f"none is stopped at epochs 10, 20 with clock=trial, {WHY}", REMEDY],
        ),
        (
            ["tuning.first_rung=1.0"],
            ["scheduler=asha stops no trial: there is no rung before epoch 40"],
        ),
    ],
)  # fmt: skip
def test_the_rungs_are_told_and_where_nothing_is_stopped(arguments: list[str], said: list[str]) -> None:
    first = [] if any("first_rung" in argument for argument in arguments) else ["tuning.first_rung=0.25"]
    config = compose(["trainer.epochs=40", "trainer.validate_every=2", *first, *arguments])
    assert list(rung_lines(config, SearchSpace.parse(config.search_space, config))) == said
