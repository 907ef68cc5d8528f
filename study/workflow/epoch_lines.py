"""The lines of a single training, one for each validated epoch."""

from __future__ import annotations

from study.commandline.progress import Say, about
from study.records import TrialFolder
from study.records.pace import epoch_seconds
from study.training.epoch import Epoch

SHOWN = ("train_loss", "fade", "val_dice_full", "val_dice_missing", "objective")
WINDOW = 20  # epochs that the time left is measured on


class EpochLines:
    """Tells of each validated epoch; never asks for an end. A `study.training.loop.Report`.

    Args:
        trial: the training.
        epochs: that it has.
        say: receives the lines.
    """

    def __init__(self, trial: TrialFolder, epochs: int, say: Say) -> None:
        self._trial, self._epochs, self._say = trial, epochs, say

    def __call__(self, epoch: Epoch) -> bool:
        """Tell of an epoch that has been written to the trial's folder."""
        content = epoch.to_dict()
        values = "  ".join(f"{name} {content[name]:.3f}" for name in SHOWN if name in content)
        self._say(f"epoch {epoch.epoch} of {self._epochs}  {values}{self._left(epoch.epoch)}")
        return False

    def _left(self, epoch: int) -> str:
        seconds = epoch_seconds(self._trial.training.epochs.read(WINDOW))
        left = self._epochs - epoch
        return f"  ({about(left * seconds)} left)" if seconds is not None and left else ""
