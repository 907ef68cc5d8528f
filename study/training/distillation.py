"""Self-distillation: the full input of a subject teaches its reduced one.

After PASSION (Shi et al., ACM MM 2024, arXiv:2407.14796) and CCSD (Xie et al., arXiv:2511.14599), both with Hinton's
softened targets (arXiv:1503.02531).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from study.config import Distillation
from study.training.batches import Batch
from study.training.losses import deep_supervision_weights
from study.training.recipe import Logits

__all__ = ["distilled", "divergence"]


def distilled(settings: Distillation) -> Callable[[Logits, Logits, Batch], Tensor]:
    """The term λ T² KL(σ(z / T) ‖ σ(z̃ / T)) of the logits z of the full input and z̃ of the reduced one.

    No gradient flows into z: the full input is taught by the reference alone. A sample of which nothing was dropped
    has a divergence of 0, unless layers that draw (dropout) differ between its two passes. With deep supervision, each
    resolution is taught, with the weights of the loss.
    """

    def term(full: Logits, reduced: Logits, batch: Batch) -> Tensor:
        teachers, students = ([one] if isinstance(one, Tensor) else list(one) for one in (full, reduced))
        weights = deep_supervision_weights(len(students))
        found = [
            weight * divergence(teacher, student, settings.temperature)
            for weight, teacher, student in zip(weights, teachers, students, strict=True)
            if weight > 0
        ]
        return settings.weight * torch.stack(found).sum()

    return term


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """T² KL(σ(teacher / T) ‖ σ(student / T)): sum over classes, mean over voxels and samples; at least float32.

    T² keeps the gradient's size whatever the temperature (Hinton et al. 2015, section 2.1).

    Args:
        teacher, student: logits `[B, K, D, H, W]`; no gradient flows into the teacher.
        temperature: T.
    """
    kind = torch.promote_types(student.dtype, torch.float32)
    taught, learnt = (
        functional.log_softmax(logits.to(kind) / temperature, 1) for logits in (teacher.detach(), student)
    )
    each = functional.kl_div(learnt, taught, reduction="none", log_target=True)
    return temperature**2 * each.sum(1).mean()
