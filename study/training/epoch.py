"""What is recorded of each epoch of a training. Imports no torch: records are read without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Epoch", "ValidationScores"]

DROPPED = "dropped_"  # before a modality's name, in JSON
DICE = "val_dice_"  # before `full`, `missing` and `worst_center`, in JSON


@dataclass(frozen=True)
class ValidationScores:
    """How well the network does on the validation subjects; nan where nobody counts.

    Attributes:
        full: mean Dice with all modalities that a subject has.
        missing: mean Dice with modalities removed.
        worst_center: lowest mean Dice of a center, full or missing.
        objective: the weighted mean that trials are compared by.
    """

    full: float
    missing: float
    worst_center: float
    objective: float


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training.

    Attributes:
        epoch: 1-based.
        time_ms: when its last iteration ended, in milliseconds since 1970.
        seconds: how long its iterations took.
        train_loss: mean over its iterations.
        learning_rate: of the whole epoch.
        fade: g, what was left of a dropped modality.
        dropped: droppable modality to the share of samples in which it was drawn to be dropped.
        validation: None where the epoch was not validated.
        micro_batches: parts in which each batch was trained at the end of the epoch.
        subset_scores: dropped modalities, as text, to how much more samples without them lose, after this epoch
            (`study.training.by_loss`); empty unless subsets are drawn by their losses.
        waited_s: how many of the seconds were spent waiting for fresh brains (`cohort.phantom.stream`), on average over
            the processes that train together.
    """

    epoch: int
    time_ms: int
    seconds: float
    train_loss: float
    learning_rate: float
    fade: float
    dropped: Mapping[str, float]
    validation: ValidationScores | None = None
    micro_batches: int = 1
    subset_scores: Mapping[str, float] = field(default_factory=dict)
    waited_s: float = 0.0

    @property
    def objective(self) -> float:
        """The objective that the validation found.

        Raises:
            ValueError: the epoch was not validated.
        """
        if self.validation is None:
            raise ValueError(f"epoch {self.epoch} was not validated")
        return self.validation.objective

    def to_dict(self) -> dict[str, Any]:
        """The flat JSON object of `epochs.jsonl`."""
        content: dict[str, Any] = {
            "epoch": self.epoch,
            "time_ms": self.time_ms,
            "seconds": self.seconds,
            "train_loss": self.train_loss,
            "learning_rate": self.learning_rate,
            "fade": self.fade,
            **{f"{DROPPED}{name}": share for name, share in self.dropped.items()},
        }
        if self.micro_batches > 1:
            content["micro_batches"] = self.micro_batches
        if self.subset_scores:
            content["subset_scores"] = dict(self.subset_scores)
        if self.waited_s:
            content["waited_s"] = self.waited_s
        if (scores := self.validation) is not None:
            content[f"{DICE}full"] = scores.full
            content[f"{DICE}missing"] = scores.missing
            content[f"{DICE}worst_center"] = scores.worst_center
            content["objective"] = scores.objective
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Epoch:
        """The epoch that `to_dict` described.

        Raises:
            KeyError: a value is absent.
        """
        scores = None
        if "objective" in content:
            scores = ValidationScores(
                full=content[f"{DICE}full"],
                missing=content[f"{DICE}missing"],
                worst_center=content[f"{DICE}worst_center"],
                objective=content["objective"],
            )
        return cls(
            epoch=content["epoch"],
            time_ms=content["time_ms"],
            seconds=content["seconds"],
            train_loss=content["train_loss"],
            learning_rate=content["learning_rate"],
            fade=content["fade"],
            dropped={
                name.removeprefix(DROPPED): share
                for name, share in content.items()
                if name.startswith(DROPPED)
            },
            validation=scores,
            micro_batches=content.get("micro_batches", 1),
            subset_scores=content.get("subset_scores", {}),
            waited_s=content.get("waited_s", 0.0),
        )
