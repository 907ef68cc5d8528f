"""The channels of a prepared subject that are computed from its modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Flags = Sequence[bool] | NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ChannelImages:
    """The N channels of a subject, with an image for each way to compute one from what the subject has.

    Attributes:
        names: of the channels, in the order of `imaging.channels`.
        image: float32 [R, D, H, W] on the prepared grid, normalised.
        channels: for each image, the index of its channel. A channel has at most two images, of which the first is
            preferred; one that the subject's modalities do not suffice for has none.
        sources: for each image, the indices of the modalities that it is computed from.
    """

    names: tuple[str, ...]
    image: Image
    channels: tuple[int, ...]
    sources: tuple[tuple[int, ...], ...]

    @property
    def has_others(self) -> bool:
        """Whether a channel has two images."""
        return len(set(self.channels)) < len(self.channels)

    def rows_of(self, channel: int) -> tuple[int, ...]:
        """The images of a channel."""
        return tuple(row for row, own in enumerate(self.channels) if own == channel)

    def given(self, modalities: Flags) -> tuple[bool, ...]:
        """For each channel [N], whether it can be computed if some modalities [M] are given."""
        return tuple(
            any(self._is_given(row, modalities) for row in self.rows_of(channel))
            for channel in range(len(self.names))
        )

    def chosen(self, modalities: Flags) -> tuple[int | None, ...]:
        """For each channel [N], the image that is seen if some modalities [M] are given; None if the subject has none.

        It is the first whose sources are given. Of a channel that is not given it is the first at all: what is not
        given is masked, and subsets of a subject then share their images.
        """
        found: list[int | None] = []
        for channel in range(len(self.names)):
            rows = self.rows_of(channel)
            usable = [row for row in rows if self._is_given(row, modalities)]
            found.append(next(iter((*usable, *rows)), None))
        return tuple(found)

    def seen(self, modalities: Flags) -> Image:
        """The images of the channels [N, D, H, W] that are chosen if some modalities [M] are given."""
        found = np.zeros((len(self.names), *self.image.shape[1:]), np.float32)
        for channel, row in enumerate(self.chosen(modalities)):
            if row is not None:
                found[channel] = self.image[row]
        return found

    def placed(self, images: Image) -> tuple[Image, Image]:
        """The first and the second image of each channel, [N, …] both; 0 where there is none.

        Args:
            images: [R, …], made of the images of this subject, such as patches.
        """
        both = np.zeros((2, len(self.names), *images.shape[1:]), np.float32)
        for channel in range(len(self.names)):
            for place, row in enumerate(self.rows_of(channel)):
                both[place, channel] = images[row]
        return both[0], both[1]

    def select(self, modalities: Sequence[int]) -> ChannelImages | None:
        """The channels that some modalities, by index and in this order, suffice for; None if there are none."""
        rows = [row for row, sources in enumerate(self.sources) if set(sources) <= set(modalities)]
        kept = sorted({self.channels[row] for row in rows})
        if not kept:
            return None
        return replace(
            self,
            names=tuple(self.names[channel] for channel in kept),
            image=self.image[rows],
            channels=tuple(kept.index(self.channels[row]) for row in rows),
            sources=tuple(tuple(modalities.index(one) for one in self.sources[row]) for row in rows),
        )

    def _is_given(self, row: int, modalities: Flags) -> bool:
        return all(modalities[source] for source in self.sources[row])
