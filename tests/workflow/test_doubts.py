"""What is legal and makes a result doubtful."""

from __future__ import annotations

import pytest

from study.cohort.records import Splits
from study.config import Trainer, validate
from study.workflow.doubts import evidence_doubts, rate_doubts

WHOLE = Splits(train=("A-1",), validation=("A-2", "B-2"), test=("A-3",), unseen=("C-1",))


def doubts(objective: dict[str, object] | None = None, **splits: tuple[str, ...]) -> list[str]:
    config = validate({"study": {"name": "s"}, "objective": objective or {}})
    changed = Splits(**{**WHOLE.__dict__, **splits})
    return evidence_doubts(config, changed, {key: key[0] for key in changed.used})


def test_a_study_with_an_unseen_center_a_test_and_two_validation_subjects_has_none() -> None:
    assert doubts() == []


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (
            {"unseen": ()},
            ["no subject of an unseen center: how well the winner does at a new center remains unknown"],
        ),
        ({"test": ()}, ["no test subject at a seen center: the winner is tested only at unseen centers"]),
        (
            {"test": (), "unseen": ()},
            [
                "no subject of an unseen center",
                "no test subject at a seen center: the winner is tested nowhere",
            ],
        ),
        (
            {"validation": ("A-2",)},
            ["a single validation subject (A-2) judges all trials: no winner can be named"],
        ),
    ],
)
def test_what_cannot_be_shown_is_told(splits: dict[str, tuple[str, ...]], said: list[str]) -> None:
    found = doubts(**splits)
    assert len(found) == len(said)
    assert all(line.startswith(beginning) for line, beginning in zip(found, said, strict=True))


def test_only_validation_subjects_that_the_objective_reads_count() -> None:
    (line,) = doubts({"centers": ["B"]})
    assert line.startswith("a single validation subject (B-2)")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learning_rate": 0.01, "momentum": 0.99}, []),
        ({"learning_rate": 0.1, "momentum": 0.9}, []),
        (
            {"learning_rate": 0.1, "momentum": 0.99},
            [
                "trainer.learning_rate: 0.1 with trainer.momentum=0.99 is high; usual is 0.01 with 0.99, or 0.1 with "
                "0.9"
            ],
        ),
        (
            {"learning_rate": 0.001, "momentum": 0.9},
            [
                "trainer.learning_rate: 0.001 with trainer.momentum=0.9 is low; usual is 0.01 with 0.99, or 0.1 with "
                "0.9"
            ],
        ),
        ({"learning_rate": 0.001, "optimizer": "adam"}, []),
        (
            {"learning_rate": 0.1, "optimizer": "adamw"},
            ["trainer.learning_rate: 0.1 with trainer.optimizer=adamw is high; usual is 0.0001 to 0.01"],
        ),
    ],
)
def test_a_learning_rate_for_another_optimiser_or_momentum_is_told(
    settings: dict[str, object], said: list[str]
) -> None:
    assert rate_doubts(Trainer.model_validate(settings)) == said
