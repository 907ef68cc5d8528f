"""Modality dropout of one training sample: which modalities are dropped, and what is left of them.

A policy draws which modalities are dropped; the fading schedule's g says how much is left of them
(`study.training.fading`). Every policy works with every schedule. A new policy is one function, from the number of
candidates and the most that may be dropped to which ones are, bool `[candidates]`; its name stands in
`study.config.parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from study.config import ModalityDropout
from study.config.parts import find_part

__all__ = ["Draw", "sample_dropout"]

FADED_OUT = (
    0.01  # the noise of eq. 2 (Vargas-Ibarra et al. 2025): at this factor or below, nothing is left to see
)

Policy = Callable[[int, int, ModalityDropout, Generator], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Draw:
    """The modality dropout of one sample.

    Attributes:
        factors: float32 `[M]`, to multiply the modalities by: 1 if kept, g + noise if dropped, 0 if absent.
        dropped: bool `[M]`, True where a present modality was drawn to be dropped.
    """

    factors: NDArray[np.float32]
    dropped: NDArray[np.bool_]


def sample_dropout(
    present: Sequence[bool] | NDArray[np.bool_],
    droppable: Sequence[bool] | NDArray[np.bool_],
    settings: ModalityDropout,
    g: float,
    rng: Generator,
) -> Draw:
    """Draw the modality dropout of one training sample (Vargas-Ibarra et al. 2025, eq. 2).

    A dropped modality's factor is g plus one number from N(0, noise_std), constant over space. At least
    `keep_at_least` present modalities stay, or all if fewer are present. Policies that draw how many to drop never draw
    more than that allows. With `bernoulli`, dropped modalities are restored at random until enough stay, but only once
    g has faded out: before that, all of them can still be seen.

    Args:
        present: `[M]`, which modalities the subject has; an absent one is never dropped, and its factor is always 0.
        droppable: `[M]`, which modalities may be dropped.
        settings: policy and its parameters.
        g: what is left of a dropped modality, from the fading schedule.
        rng: the sample's own generator.
    """
    there = np.asarray(present, bool)
    may_stay = int(there.sum())
    candidates = np.flatnonzero(there & np.asarray(droppable, bool))
    most = max(0, min(len(candidates), may_stay - settings.keep_at_least))
    policy: Policy = find_part("policies", settings.policy)
    drawn = policy(len(candidates), most, settings, rng)
    surplus = int(drawn.sum()) - most
    if surplus > 0 and g <= FADED_OUT:
        drawn[rng.choice(np.flatnonzero(drawn), surplus, replace=False)] = False
    dropped = np.zeros(len(there), bool)
    dropped[candidates[drawn]] = True
    noise = rng.normal(0.0, settings.noise_std, len(there))
    factors = np.where(dropped, g + noise, there)
    return Draw(factors.astype(np.float32), dropped)


def bernoulli(candidates: int, most: int, settings: ModalityDropout, rng: Generator) -> NDArray[np.bool_]:
    """Each with probability q independently (ModDrop), or all together, as in the paper's published code."""
    chances = rng.random(1 if settings.draw == "jointly" else candidates)
    return np.broadcast_to(chances < settings.drop_probability, candidates).copy()


def uniform_subset(
    candidates: int, most: int, settings: ModalityDropout, rng: Generator
) -> NDArray[np.bool_]:
    """A size from 0 to `most`, all equally likely, then a subset of that size (MultiUnet, ModDrop++)."""
    return _subset(candidates, int(rng.integers(most + 1)), rng)


def truncated_geometric(
    candidates: int, most: int, settings: ModalityDropout, rng: Generator
) -> NDArray[np.bool_]:
    """P(k) = (1 − θ) θ^k / (1 − θ^(N+1)) for k = 0..N = `most`, then a subset of that size (URN)."""
    weights = settings.theta ** np.arange(most + 1)
    return _subset(candidates, int(rng.choice(most + 1, p=weights / weights.sum())), rng)


def _subset(candidates: int, size: int, rng: Generator) -> NDArray[np.bool_]:
    """A subset of the given size, all equally likely."""
    return rng.permutation(np.arange(candidates) < size)
