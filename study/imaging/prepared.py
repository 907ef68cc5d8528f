"""One subject, ready for a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.cohort.records import SubjectFacts
from study.imaging.channels.images import ChannelImages
from study.imaging.computed import Computed
from study.imaging.geometry import Centroid
from study.imaging.intensities import Intensities
from study.imaging.normalise import Scale
from study.imaging.resample import resample
from study.imaging.volume import Grid
from study.imaging.windows import OwnSlices, Windows

FOREGROUND_VOXELS = 10_000


@dataclass(frozen=True, eq=False)
class Prepared:
    """A subject's modalities on one grid, cropped to the brain and normalised.

    Attributes:
        facts: what is known of the subject besides its images.
        image: float32 [M, D, H, W], modalities in the order of the configuration, absent ones all zero.
        present: for each modality, whether the subject has it.
        target: uint8 [D, H, W] on `grid`, None for a subject without a mask of the target.
        foreground: int16 [N, 3], indices (d, h, w) of at most 10,000 target voxels.
        grid: of `image` and `target`.
        native: the reference modality's full grid (RAS+), on which predictions are judged and written.
        native_target: uint8 [D, H, W] on `native`.
        lesion: center of mass, in voxels of `native`, of the lesion that post-processing of thrombi measures from;
            None where there is none, or where lesions are the target.
        own: modalities that windows show in slices of their own; None if the study has none.
        outside_ml: volume of the target outside `grid`, which cannot be learnt.
        intensities: of the images before normalisation; None where they were not measured.
        scales: for each modality, how `image` is read in its units; None for an absent one. Empty where the subject was
            prepared by a version that did not keep them.
        computed: images that take the place of modalities that are not given (`imputation.kind`); None without.
        channels: N further inputs that are computed from modalities (`imaging.channels`); None without.
    """

    facts: SubjectFacts
    image: NDArray[np.float32]
    present: tuple[bool, ...]
    target: NDArray[np.uint8] | None
    foreground: NDArray[np.int16]
    grid: Grid
    native: Grid
    native_target: NDArray[np.uint8] | None
    lesion: Centroid | None = None
    own: OwnSlices | None = None
    outside_ml: float = 0.0
    intensities: Intensities | None = None
    computed: Computed | None = None
    scales: tuple[Scale | None, ...] = ()
    channels: ChannelImages | None = None

    @property
    def key(self) -> str:
        """The subject's pseudonym."""
        return self.facts.key

    @property
    def windows(self) -> Windows:
        """The images to cut a network's windows from."""
        return Windows.of(self.image, self.grid, self.own)

    @property
    def brain_voxels(self) -> float:
        """How many voxels of `native` the brain takes: where any modality is not 0."""
        brain = np.count_nonzero(np.any(self.image, axis=0))
        return float(brain * self.grid.voxel_volume_ml / self.native.voxel_volume_ml)

    @property
    def further(self) -> int:
        """K + R, the number of computed images that a window has behind the modalities."""
        return sum(0 if made is None else len(made.channels) for made in (self.computed, self.channels))

    def seen(self, given: Sequence[bool]) -> tuple[Windows, tuple[bool, ...]]:
        """What a network sees if it is given some modalities [M]: M + N images; and which of them are given.

        Images are those of modalities, or computed ones in their place, and behind them the N channels. No voxel of a
        modality that is not given matters.
        """
        windows, flags = self._seen_modalities(given)
        if self.channels is None:
            return windows, flags
        image = np.concatenate((windows.image, self.channels.seen(given)))
        return replace(windows, image=image), (*flags, *self.channels.given(given))

    def images_seen(self, given: Sequence[bool]) -> tuple[tuple[int | None, ...], ...]:
        """Which computed images `seen` takes if some modalities [M] are given: all else is the same for all subsets."""
        return (
            () if self.computed is None else self.computed.rows(given),
            () if self.channels is None else self.channels.chosen(given),
        )

    def _seen_modalities(self, given: Sequence[bool]) -> tuple[Windows, tuple[bool, ...]]:
        rows = () if self.computed is None else self.computed.rows(given)
        if self.computed is None or not rows:
            return self.windows, tuple(given)
        image, own, flags = np.array(self.image), self.own, list(given)
        slices = None if own is None else np.array(own.image)
        for row in rows:
            channel = self.computed.channels[row]
            flags[channel] = True
            image[channel] = self.computed.image[row]
            if own is not None and slices is not None and channel in own.channels:
                slices[own.channels.index(channel)] = np.asarray(self.computed.own)[row]
        replaced = None if own is None or slices is None else replace(own, image=slices)
        return Windows.of(image, self.grid, replaced), tuple(flags)

    def window(self, start: Sequence[int], size: Sequence[int]) -> NDArray[np.float32]:
        """A writable copy of the window [M + K + R, *size] that begins at index `start` of `grid`; 0 outside of it.

        Behind the M modalities come the K images of `computed`, and the R of `channels`.
        """
        out = np.zeros((len(self.image) + self.further, *size), np.float32)
        places = [len(self.image), len(out) - (0 if self.channels is None else len(self.channels.channels))]
        of_modalities, of_computed, of_channels = np.split(out, places)
        self.windows.cut(start, of_modalities)
        if self.computed is not None:
            self._windows_of_computed(self.computed).cut(start, of_computed)
        if self.channels is not None:
            Windows.of(self.channels.image, self.grid, None).cut(start, of_channels)
        return out

    def _windows_of_computed(self, made: Computed) -> Windows:
        own = None
        if self.own is not None and made.own is not None:
            rows = [row for row, channel in enumerate(made.channels) if channel in self.own.channels]
            own = OwnSlices(made.own[rows], tuple(rows), self.own.grid) if rows else None
        return Windows.of(made.image, self.grid, own)

    def select(self, modalities: Sequence[int]) -> Prepared:
        """The subject with only these modalities, by index, in this order, on the same grid.

        Nothing is computed in the place of others; channels are those that the modalities suffice for.
        """
        return replace(
            self,
            image=self.image[list(modalities)],
            present=tuple(self.present[index] for index in modalities),
            own=None if self.own is None else self.own.select(modalities),
            computed=None,
            scales=tuple(self.scales[index] for index in modalities) if self.scales else (),
            channels=None if self.channels is None else self.channels.select(modalities),
        )

    def to_native(self, probability: NDArray[Any]) -> NDArray[np.float32]:
        """Probabilities [D, H, W] from `grid` to `native`, linearly; 0 outside the prepared box."""
        return resample(np.asarray(probability, np.float32), self.grid, self.native, order=1)

    def from_native(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask [D, H, W] from `native` to `grid`, by nearest neighbour."""
        return resample(np.asarray(mask, np.uint8), self.native, self.grid, order=0).astype(np.bool_)
