"""Which availability subsets a training showed to the network, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.random import Generator

from study.config import Config
from study.records import PreparedStudy
from study.training.dropout import FADED_OUT, Draw, sample_dropout
from study.training.epoch import Epoch

DRAWS = 5_000  # samples that are drawn
RAREST = 0.001  # share of the samples; a subset that is rarer counts as never trained


def trained_subsets(
    config: Config, prepared: PreparedStudy, epochs: Sequence[Epoch]
) -> dict[tuple[str, ...], float] | None:
    """Share of the samples by the modalities that they show, at the epoch in which dropped ones have faded out most.

    The modality dropout is drawn as in the training, so that it holds for every policy. Subjects count alike.

    Args:
        config: of the trial.
        prepared: of its study.
        epochs: that it was trained for.

    Returns:
        None if the training is unknown, as that of an adopted network is.
    """
    modalities, dropout = config.cohort.modalities, config.modality_dropout
    having = {one.facts.key: one.modalities for one in prepared.subjects}
    present = [np.isin(modalities, having[key]) for key in prepared.splits.train]
    if config.model.inputs is not None:
        present = [each for each in present if each.all()]
    if not epochs or not present or not all(each.any() for each in present):
        return None
    g = min(epoch.fade for epoch in epochs)
    droppable, rng = np.isin(modalities, dropout.droppable), np.random.default_rng(config.study.seed)
    counts: Counter[tuple[str, ...]] = Counter()
    choose = _choice(config, epochs[-1])
    for number in range(DRAWS):
        there = present[number % len(present)]
        draw = choose(partial(sample_dropout, there, droppable, dropout, g, rng), rng)
        shown = there & ~draw.dropped if g <= FADED_OUT else there
        counts[tuple(np.compress(shown, modalities).tolist())] += 1
    return {given: count / DRAWS for given, count in counts.items() if given and count >= RAREST * DRAWS}


def _choice(config: Config, last: Epoch) -> Callable[[Callable[[], Draw], Generator], Draw]:
    """How the training chose among the policy's draws at its end."""
    if config.modality_dropout.subset_sampling == "policy":
        return lambda policy, rng: policy()
    from study.training.by_loss import SubsetScores

    return SubsetScores(config.cohort.modalities, config.modality_dropout, last.subset_scores).choose
