from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from study.training.epoch import Epoch, ValidationScores

TRAINED = Epoch(3, 1_700_000_000_000, 1.5, 0.25, 0.01, 0.75, {"B0": 0.5, "ADC": 0.0})
SCORES = ValidationScores(full=0.5, missing=0.25, worst_center=0.125, objective=0.375)
VALIDATED = Epoch(4, 1_700_000_000_001, 1.5, 0.2, 0.01, 0.5, {}, SCORES)


def test_an_epoch_is_one_flat_object() -> None:
    assert TRAINED.to_dict() == {
        "epoch": 3,
        "time_ms": 1_700_000_000_000,
        "seconds": 1.5,
        "train_loss": 0.25,
        "learning_rate": 0.01,
        "fade": 0.75,
        "dropped_B0": 0.5,
        "dropped_ADC": 0.0,
    }


def test_a_validated_epoch_has_the_scores_beside_the_rest() -> None:
    content = VALIDATED.to_dict()
    scores = {name: content[name] for name in list(content)[-4:]}
    assert scores == {
        "val_dice_full": 0.5,
        "val_dice_missing": 0.25,
        "val_dice_worst_center": 0.125,
        "objective": 0.375,
    }


def test_seconds_of_waiting_are_told_where_there_are_some() -> None:
    assert replace(TRAINED, waited_s=0.5).to_dict()["waited_s"] == 0.5
    assert "waited_s" not in TRAINED.to_dict()


@pytest.mark.parametrize("epoch", [TRAINED, VALIDATED, replace(TRAINED, waited_s=0.5)])
def test_an_epoch_is_the_same_after_a_way_through_json(epoch: Epoch) -> None:
    assert Epoch.from_dict(json.loads(json.dumps(epoch.to_dict()))) == epoch


def test_a_score_of_nobody_stays_nan() -> None:
    scores = ValidationScores(0.5, math.nan, 0.5, 0.5)
    epoch = Epoch(1, 0, 0.0, 0.0, 0.0, 0.0, {}, scores)
    again = Epoch.from_dict(json.loads(json.dumps(epoch.to_dict())))
    assert again.validation is not None
    assert math.isnan(again.validation.missing)


def test_the_objective_is_that_of_the_validation() -> None:
    assert VALIDATED.objective == 0.375
    with pytest.raises(ValueError, match="epoch 3 was not validated"):
        _ = TRAINED.objective


def test_epochs_are_read_without_torch() -> None:
    code = "import sys, study.training.epoch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
