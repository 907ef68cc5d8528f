"""How the unified representation network is trained (Lau et al. 2019): end to end, or its representation first.

Two recipes: segmentation, likeness of the encoders and synthesis together (`unified_objective`); or, with
`model.unified.pretraining_epochs`, at first the representation without any mask (`synthesis_objective` under
`pretraining_config`), which is then kept as it is (`freeze_encoders`) while the segmentation is learnt.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from models.urn import URN, Unified
from study.config import FEWEST_UNIFIED, Config
from study.training.batches import Batch

__all__ = [
    "freeze_encoders",
    "pretraining_config",
    "synthesis_error",
    "synthesis_objective",
    "unified_objective",
]

Objective = Callable[[nn.Module, Batch], Tensor]


def unified_objective(config: Config, segmentation_loss: Callable[[Tensor, Tensor], Tensor]) -> Objective:
    """Segmentation + variance_weight · variance + synthesis_weight · error of the synthesis.

    The segmentation alone where the representation is frozen.

    Args:
        config: `model.unified` is read.
        segmentation_loss: of logits `[B, K, D, H, W]` and target `[B, D, H, W]`.
    """
    unified = config.model.unified

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        output: Unified | Tensor = model(batch.reduced, batch.code)
        if not isinstance(output, Unified):
            return segmentation_loss(output, batch.target)
        return (
            segmentation_loss(output.logits, batch.target)
            + unified.variance_weight * output.variance.mean()
            + unified.synthesis_weight * synthesis_error(output.syntheses, batch.image, batch.owned)
        )

    return objective


def synthesis_objective(config: Config) -> Objective:
    """Error of the synthesis + variance_weight · variance: what the representation is learnt from, without a mask.

    The segmentation gets a gradient of zeros, as distributed training wants one for each parameter.
    """
    unified = config.model.unified

    def objective(model: nn.Module, batch: Batch) -> Tensor:
        output: Unified = model(batch.reduced, batch.code, segment=False)
        error = synthesis_error(output.syntheses, batch.image, batch.owned)
        return error + unified.variance_weight * output.variance.mean() + output.logits[0, 0, 0, 0, 0]

    return objective


def synthesis_error(syntheses: Tensor, image: Tensor, owned: Tensor) -> Tensor:
    """Mean absolute error over voxels, then over the modalities that a subject has, then over samples; a scalar.

    Args:
        syntheses: `[B, M, D, H, W]`.
        image: `[B, M, D, H, W]`, what is to be synthesised, modalities that were dropped from the input too.
        owned: `[B, M]`, 1 where the subject has the modality, else 0; at least one in each row.
    """
    error = (syntheses - image).abs().mean((2, 3, 4))
    return ((error * owned).sum(1) / owned.sum(1)).mean()


def pretraining_config(config: Config) -> Config:
    """The configuration of the first training of two, the one without masks.

    Adam at a constant rate and without weight decay, as the paper's is the default one; any modality may be
    dropped, at once, as many as leave two; and no patch is chosen by what its mask holds.
    """
    unified = config.model.unified
    return config.with_values(
        {
            "trainer.epochs": unified.pretraining_epochs,
            "trainer.learning_rate": unified.pretraining_rate,
            "trainer.optimizer": "adam",
            "trainer.weight_decay": 0.0,
            "trainer.decay": "none",
            "trainer.foreground_fraction": 0.0,
            "modality_dropout.policy": "truncated_geometric",
            "modality_dropout.theta": unified.pretraining_theta,
            "modality_dropout.droppable": list(config.cohort.modalities),
            "modality_dropout.keep_at_least": FEWEST_UNIFIED,
            "schedule.shape": "abrupt",
        }
    )


def freeze_encoders(network: nn.Module) -> None:
    """Keep the representation, encoders and synthesis alike, as it is: parameters and running statistics.

    Before the optimiser is made, and anew whenever the network is built anew.

    Raises:
        TypeError: another network.
    """
    if not isinstance(network, URN):
        raise TypeError(f"the network must be a URN, got {type(network).__name__}")
    network.freeze()
