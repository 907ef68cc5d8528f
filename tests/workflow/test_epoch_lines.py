"""The lines of a single training."""

from __future__ import annotations

from pathlib import Path

from studies import epoch

from study.records import StudyFolder
from study.workflow.epoch_lines import EpochLines


def test_each_line_has_the_scores_and_the_time_left(tmp_path: Path) -> None:
    said: list[str] = []
    trial = StudyFolder(tmp_path, "s").trial(0)
    lines = EpochLines(trial, 6, said.append)
    done = [epoch(1), epoch(2)]
    trial.training.epochs.write(done)
    assert lines(done[-1]) is False
    done = [epoch(number) for number in range(1, 7)]
    trial.training.epochs.write(done)
    lines(done[-1])
    scores = "fade 0.500  val_dice_full 0.600  val_dice_missing 0.500  objective 0.550"
    assert said == [
        f"epoch 2 of 6  train_loss 0.500  {scores}  (about 4 s left)",
        f"epoch 6 of 6  train_loss 0.167  {scores}",
    ]
