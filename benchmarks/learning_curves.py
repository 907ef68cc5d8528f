"""Stand-ins for trainings: learning curves of realistic shape, without a network.

A module of its own, so that Ray's workers can import it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from study.config import Config
from study.records import CompleteTrial, PrunedTrial, TrialFolder
from study.training.epoch import Epoch, ValidationScores

BEST_RATE = 0.12  # the learning rate that the curves like best
BEST_DROP = 0.4  # and the drop probability


def stand_in(config: Config, folder: TrialFolder, report: Callable[[Epoch], bool]) -> None:
    """A `RunTrial` that replays a learning curve: it writes the records of a training, and computes nothing.

    There are no test subjects, and so the rows of results are none.
    """
    ended: type[CompleteTrial | PrunedTrial] = CompleteTrial
    epochs = folder.training.epochs.read()
    for epoch in learning_curve(config, folder.number)[len(epochs) :]:
        epochs.append(epoch)
        folder.training.epochs.write(epochs)
        if report(epoch):
            ended = PrunedTrial
            break
    if ended is CompleteTrial:
        folder.rows.write([])
    value = epochs[-1].objective
    folder.result.write(
        ended(trial=folder.number, epochs=len(epochs), seconds=0.0, value=value, device="cpu")
    )


def learning_curve(config: Config, number: int) -> list[Epoch]:
    """One validated epoch for each of the configuration's, a function of its settings and the trial's number.

    The Dice rises to a plateau as 1 - exp(-t), which is lower the further learning rate and drop probability are from
    the best ones, with noise of 0.02 between epochs and trials. Missing modalities cost a fifth.
    """
    rng = np.random.default_rng([config.study.seed, number])
    rate, drop = config.trainer.learning_rate, config.modality_dropout.drop_probability
    plateau = 0.75 - 0.1 * math.log(rate / BEST_RATE) ** 2 - 0.3 * (drop - BEST_DROP) ** 2
    epochs = []
    for epoch in range(1, config.trainer.epochs + 1):
        reached = plateau * (1 - math.exp(-3 * epoch / config.trainer.epochs))
        full = float(np.clip(reached + rng.normal(0, 0.02), 0, 1))
        scores = ValidationScores(full, 0.8 * full, 0.7 * full, 0.9 * full)
        epochs.append(
            Epoch(
                epoch=epoch,
                time_ms=time.time_ns() // 1_000_000,
                seconds=0.0,
                train_loss=1 - full,
                learning_rate=rate * (1 - (epoch - 1) / config.trainer.epochs) ** 0.9,
                fade=1 - (epoch - 1) / config.trainer.epochs,
                dropped=dict.fromkeys(config.modality_dropout.droppable, drop),
                validation=scores,
            )
        )
    return epochs
