"""What casts doubt on a study's result without being an error; told before it starts, and again at its end."""

from __future__ import annotations

from collections.abc import Mapping

from models import find_model
from study.cohort.records import Splits
from study.config import Config, Trainer
from study.workflow.sight import judging_subjects

__all__ = ["evidence_doubts", "rate_doubts", "training_doubts"]

# Learning rates outside these ranges are rarely meant. With momentum m, SGD's steps grow to 1 / (1 - m) times the rate:
# nnU-Net's 0.01 with 0.99 and our 0.1 with 0.9 both come to 1.
SGD_STEPS = (0.02, 5.0)
ADAM_RATES = (1e-5, 0.02)


def evidence_doubts(config: Config, splits: Splits, centers: Mapping[str, str]) -> list[str]:
    """What the splits cannot show: unseen centers, a test, or which trial is best.

    Args:
        config: of the study.
        splits: of its cohort.
        centers: of the subjects, by key.
    """
    lines = []
    if not splits.unseen:
        lines.append(
            "no subject of an unseen center: how well the winner does at a new center remains unknown; "
            "name one with cohort.unseen=[…]"
        )
    if not splits.test:
        tested = "only at unseen centers" if splits.unseen else "nowhere"
        lines.append(
            f"no test subject at a seen center: the winner is tested {tested}; "
            "add subjects, or change cohort.splits"
        )
    judging = judging_subjects(config, splits, centers)
    if len(judging) == 1:
        lines.append(
            f"a single validation subject ({judging[0]}) judges all trials: no winner can be named; add subjects, "
            "or change cohort.splits"
        )
    return lines


def training_doubts(config: Config) -> list[str]:
    """Epochs of a network that has nothing to train, or a learning rate that does not go with the optimiser."""
    name, epochs = config.model.name, config.trainer.epochs
    if find_model(name).learns:
        return rate_doubts(config.trainer)
    if epochs == 1:
        return []
    return [
        f"trainer.epochs: {name} has nothing to train, and {epochs} epochs only take time; set trainer=untrained"
    ]


def rate_doubts(trainer: Trainer) -> list[str]:
    """A learning rate that does not go with the optimiser and its momentum."""
    rate, name = trainer.learning_rate, trainer.optimizer
    if name == "sgd":
        step, (low, high) = rate / (1 - trainer.momentum), SGD_STEPS
        what = f"{rate:g} with trainer.momentum={trainer.momentum:g}"
        usual = f"{0.01:g} with 0.99, or {0.1:g} with 0.9"
    elif name in ("adam", "adamw"):
        step, (low, high) = rate, ADAM_RATES
        what, usual = f"{rate:g} with trainer.optimizer={name}", "0.0001 to 0.01"
    else:
        return []
    if low <= step <= high:
        return []
    return [f"trainer.learning_rate: {what} is {'low' if step < low else 'high'}; usual is {usual}"]
