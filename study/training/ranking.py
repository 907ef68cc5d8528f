"""Ranking: more modalities must not do worse than fewer of the same subject.

After the More-vs-Fewer loss of SimMLM (Li et al., arXiv:2507.19264).
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from study.config import Ranking
from study.training.batches import Batch
from study.training.recipe import Logits, Loss, sample_losses

__all__ = ["ranked"]


def ranked(settings: Ranking, loss: Loss) -> Callable[[Logits, Logits, Batch], Tensor]:
    """The term λ max(0, L(more) - L(fewer) + margin), of each sample, mean over all samples of the batch.

    More is all that the subject has, fewer what dropout has left of it, at the moment's g; samples of which nothing
    was dropped are no pair and count 0. With `ranking.gradient=full` L(fewer) is a constant: the term could otherwise
    be lowered by doing worse with fewer.

    Args:
        settings: weight λ, margin, gradient.
        loss: of the segmentation, a mean over samples.
    """

    def term(full: Logits, reduced: Logits, batch: Batch) -> Tensor:
        more, fewer = (sample_losses(loss, logits, batch.target) for logits in (full, reduced))
        if settings.gradient == "full":
            fewer = fewer.detach()
        is_pair = batch.dropped.amax(1).to(more.dtype)
        return settings.weight * (functional.relu(more - fewer + settings.margin) * is_pair).mean()

    return term
