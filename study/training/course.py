"""How a network is trained: the sections and values that a training reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from study.config import ModalityDropout, Schedule, Trainer

__all__ = ["Course"]


@dataclass(frozen=True)
class Course:
    """The settings of one training.

    Attributes:
        seed: of all samples.
        modalities: those of the network, in its order.
        trainer: epochs, optimiser, sampling, augmentation.
        dropout: which modalities are dropped, and how often.
        schedule: what is left of a dropped modality at each moment.
        code: what the head's code says of a fading modality (`head.code`).
        rungs: finished epochs at which the search compares trials.
        imputes: whether images are computed in the place of modalities that are not given (`imputation.kind`).
    """

    seed: int
    modalities: tuple[str, ...]
    trainer: Trainer
    dropout: ModalityDropout
    schedule: Schedule
    code: Literal["binary", "gradual"] = "binary"
    rungs: tuple[int, ...] = ()
    imputes: bool = False

    @property
    def droppable(self) -> tuple[bool, ...]:
        """Per modality whether it may be dropped."""
        return tuple(name in self.dropout.droppable for name in self.modalities)
