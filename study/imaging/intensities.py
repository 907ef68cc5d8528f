"""The intensities of a subject's images inside the brain, in a few numbers (`study.imaging.measure` takes them).

They are what `study.imaging.plausible` judges by physics, and what `study.imaging.likeness` compares with the scans
that a network was trained on. No scale of an image changes what is made of them, except where physics knows the scale.
"""

from __future__ import annotations

from study.config import Section

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
COUNTED = 64  # distinct values of a file that are counted; an image has more
NARROWEST = 1e-3  # of the middle 90 %: no tail counts as narrower


class ImageIntensities(Section):
    """One image.

    Attributes:
        percentiles: at `PERCENTILES`, in the brain, as stored.
        low, high: of the whole file, as stored.
        values: number of distinct values in the file, at most `COUNTED`.
        plateau: share of the brain's voxels that have its most frequent value.
    """

    percentiles: tuple[float, float, float, float, float, float, float]
    low: float
    high: float
    values: int
    plateau: float

    @property
    def tails(self) -> float:
        """Width of the bright tail over that of the dark one; above 1 where fluid is bright, below where it is dark."""
        _, low, _, median, _, high, _ = self.percentiles
        least = NARROWEST * self.spread
        return max(high - median, least) / max(median - low, least)

    @property
    def spread(self) -> float:
        """The range of the middle 90 % of the brain; 1 for an image in which these are equal."""
        _, low, _, _, _, high, _ = self.percentiles
        return (high - low) or 1.0


class PairIntensities(Section):
    """Two images of a subject.

    Attributes:
        first, second: their modalities.
        correlation: Spearman's, over the voxels of the brain.
        fluid: whether fluid is bright in the first and dark in the second (negative), or the other way round
            (positive), in [-2, 2]. The brightest tenth of an image with bright fluid is the darkest of one with dark
            fluid; the reverse does not hold. This is the difference of these mean ranks, added up for both ends.
        above: share of voxels in which the first image is brighter than the second, as stored.
    """

    first: str
    second: str
    correlation: float
    fluid: float
    above: float

    @property
    def turned(self) -> PairIntensities:
        """The same of the second and the first image."""
        return PairIntensities(
            first=self.second,
            second=self.first,
            correlation=self.correlation,
            fluid=-self.fluid,
            above=1 - self.above,
        )


class Intensities(Section):
    """A subject's images.

    Attributes:
        images: by modality.
        pairs: each two of them that share voxels of the brain.
        attenuation: by modality in the place of ADC, Pearson's correlation of it with ln(B0 / DWI), which takes the
            others in their order; only for subjects that have ADC, B0 and DWI.
    """

    images: dict[str, ImageIntensities]
    pairs: tuple[PairIntensities, ...]
    attenuation: dict[str, float]

    def pair(self, first: str, second: str) -> PairIntensities | None:
        """Two images, in this order; None if they share too few voxels."""
        for pair in self.pairs:
            if (pair.first, pair.second) == (first, second):
                return pair
            if (pair.first, pair.second) == (second, first):
                return pair.turned
        return None
