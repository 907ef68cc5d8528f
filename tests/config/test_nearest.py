"""The nearest right name for a wrong one."""

from __future__ import annotations

import pytest

from study.config.nearest import did_you_mean, nearest, no_such_key

PATHS = [
    "study.seed",
    "trainer.epochs",
    "trainer.loss",
    "cohort.splits.seed",
    "cohort.seen",
    "modality_dropout.policy",
]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("trainer.epoch", "trainer.epochs"),
        ("Trainer.Epochs", "trainer.epochs"),
        ("train.epochs", "trainer.epochs"),
        ("epochs", "trainer.epochs"),
        ("epohcs", "trainer.epochs"),
        ("cohort.split.seed", "cohort.splits.seed"),
        ("modality_droput.policy", "modality_dropout.policy"),
        ("trainer.lr", None),  # much is shared with trainer.loss, and nothing of the name
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_path(given: str, meant: str | None) -> None:
    assert nearest(given, PATHS) == meant


def test_names_without_dots() -> None:
    assert nearest("nnunett", ["nnunet", "unet2d"]) == "nnunet"
    assert nearest("CHU bordeaux", ["Nice", "CHU Bordeaux"]) == "CHU Bordeaux"
    assert nearest("x", []) is None


def test_the_ends_of_messages() -> None:
    assert did_you_mean("nnunett", ["nnunet"]) == "; did you mean nnunet?"
    assert did_you_mean("zzz", ["nnunet"]) == ""
    assert no_such_key(["width", "depth"], "x", "widht") == "no such key; did you mean width?"
    assert no_such_key(["width", "depth"], "x", "zzz") == "no such key; x has width, depth"
