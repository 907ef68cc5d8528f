"""Images that take the place of modalities that are not given, in a prepared subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Flags = Sequence[bool] | NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Computed:
    """Images of a subject that are computed from others that it has; whether it has them itself does not matter.

    Attributes:
        image: float32 [N, D, H, W] on the prepared grid, normalised.
        channels: for each, the index of the modality that it is an image of.
        sources: for each, the indices of the two that it is computed from.
        own: float32 [N, d, H, W], the same in the slices of the modalities that have their own; zeros for others. None
            if none has.
    """

    image: Image
    channels: tuple[int, ...]
    sources: tuple[tuple[int, int], ...]
    own: Image | None = None

    def rows(self, given: Flags) -> tuple[int, ...]:
        """Which of the images take the place of a modality that is not given [M]: those whose sources are given."""
        return tuple(
            row
            for row, (channel, (one, other)) in enumerate(zip(self.channels, self.sources, strict=True))
            if given[one] and given[other] and not given[channel]
        )

    def replaced(self, given: Flags) -> NDArray[np.bool_]:
        """For each modality [M], whether an image is computed in its place."""
        flags = np.zeros(len(given), bool)
        flags[[self.channels[row] for row in self.rows(given)]] = True
        return flags
