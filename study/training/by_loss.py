"""Subsets that lose most are drawn more often (`modality_dropout.subset_sampling=by_loss`); our own.

A subset is the set of modalities that are dropped together, none included. Each has a score s, 0 at first, and after
each epoch::

    s ← 0.9 s + (mean loss of its samples in the epoch - mean loss of all samples)

A subset of which the epoch had no sample only forgets. In the next epoch a subset that the policy draws with
probability p is taken with

    floor · p + (1 - floor) · p · exp(rate · s) / Σ p · exp(rate · s)

These are exponentiated-gradient weights (Kivinen and Warmuth 1997), as in group DRO (Sagawa et al., ICLR 2020,
arXiv:1911.08731), over subsets instead of groups of subjects, and with forgetting. No policy tells its p: the sum is
taken over `DRAWS` draws of the policy, of which one is chosen, so that every policy works, with all its own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.random import Generator

from study.config import ModalityDropout, join_modalities
from study.errors import TrainingError
from study.training.batches import Batch
from study.training.dropout import Draw
from study.training.ranks import Ranks
from study.training.recipe import Logits, Loss, sample_losses

__all__ = ["SubsetScores"]

MEMORY = 0.9  # of a score from one epoch to the next: it knows some ten epochs
NOTHING = "nothing"  # the name of the subset of which nothing is dropped
DRAWS = 32  # of the policy, of which one is taken


class SubsetScores:
    """How much more each subset loses than others, and what is drawn therefore.

    All processes that train together have the same scores; they change between epochs, and are stored with each epoch.

    Args:
        modalities: of the network, in its order.
        settings: of the modality dropout.
        scores: by the modalities that are dropped, as text; those of a stored epoch.
    """

    def __init__(
        self, modalities: Sequence[str], settings: ModalityDropout, scores: Mapping[str, float] | None = None
    ) -> None:
        self._modalities = tuple(modalities)
        self._settings = settings
        self._seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.scores: dict[str, float] = dict(scores or {})

    def watching(self, loss: Loss) -> Callable[[Logits, Batch], None]:
        """What a criterion tells of the logits for the reduced image: the losses of samples are noted."""

        def watch(logits: Logits, batch: Batch) -> None:
            with torch.no_grad():
                self._seen.append((batch.dropped.detach(), sample_losses(loss, logits, batch.target)))

        return watch

    def keep(self, samples: int) -> None:
        """An iteration has ended: keep its samples, and not those of attempts that ran out of memory before."""
        found: list[tuple[torch.Tensor, torch.Tensor]] = []
        while self._seen and sum(len(losses) for _, losses in found) < samples:
            found.insert(0, self._seen.pop())
        self._seen.clear()
        self._kept += found

    def end_epoch(self, ranks: Ranks) -> Mapping[str, float]:
        """The scores after an epoch, the same in all processes.

        Raises:
            TrainingError: no losses were told.
        """
        own = [
            (self._name(flags), float(value))
            for dropped, losses in self._kept
            for flags, value in zip((dropped > 0).tolist(), losses.double().tolist(), strict=True)
        ]
        self._kept.clear()
        samples = ranks.gather(own)
        if not samples:
            raise TrainingError(
                "modality_dropout.subset_sampling: by_loss needs the losses of samples, which this trainer.criterion "
                "does not tell (it must call ingredients.watch); set modality_dropout.subset_sampling=policy"
            )
        mean = float(np.mean([value for _, value in samples]))
        by_subset: dict[str, list[float]] = {}
        for name, value in samples:
            by_subset.setdefault(name, []).append(value)
        excess = {name: float(np.mean(values)) - mean for name, values in by_subset.items()}
        names = sorted({*self.scores, *excess})
        self.scores = {name: MEMORY * self.scores.get(name, 0.0) + excess.get(name, 0.0) for name in names}
        return dict(self.scores)

    def choose(self, policy: Callable[[], Draw], rng: Generator) -> Draw:
        """One of many draws of the policy, by their scores; with the chance `subset_floor` simply the first.

        Args:
            policy: draws the modality dropout of the sample.
            rng: the generator that the policy draws from, too.
        """
        if rng.random() < self._settings.subset_floor:
            return policy()
        draws = [policy() for _ in range(DRAWS)]
        exponents = self._settings.subset_rate * np.array(
            [self.scores.get(self._name(draw.dropped), 0.0) for draw in draws]
        )
        weights = np.exp(exponents - exponents.max())
        return draws[int(rng.choice(DRAWS, p=weights / weights.sum()))]

    def _name(self, dropped: Sequence[bool] | np.ndarray) -> str:
        pairs = zip(self._modalities, dropped, strict=True)
        return join_modalities([name for name, gone in pairs if gone]) or NOTHING
