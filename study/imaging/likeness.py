"""How a subject's images resemble those that a network was trained on.

A fingerprint keeps mean and spread of a few numbers over the training subjects, each free of the scale that an image is
stored in. Another hospital's images differ in them, too, so that the tolerance is wide: what is found are images of
something else, not of another scanner. `docs/concepts/plausible-images.md` gives the reasons for the thresholds, and
how often they err.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Literal

from pydantic import Field

from study.config import Section
from study.imaging.intensities import ImageIntensities, Intensities
from study.imaging.plausible import Finding, exchanges, implausible

FEWEST_SUBJECTS = 3  # with an image, from which its spread is known
LEAST_QUOTIENT = 0.01  # a median at or below 0, as phase has, counts as that
UNLIKE = 5.0  # standard deviations: a number is unlike the training's
LARGEST = 5.0  # standard deviations; no single number counts for more when an exchange is judged
# An exchange must bring the mean square of these from above the first number to that below its quotient by the second.
SUSPECT, CERTAIN = (1.0, 2.0), (4.0, 3.0)

Trait = Literal["tails", "level", "width", "correlation"]
Key = tuple[Trait, tuple[str, ...]]  # a number, and the one or two modalities that it is about
Traits = Mapping[Key, float]

TRAINING = "the scans that the network was trained on"
# What another hospital adds to the spread: as a factor e^0.25 for the first two, and so on.
TOLERANCE: Mapping[Trait, float] = {"tails": 0.25, "level": 0.25, "width": 0.15, "correlation": 0.12}
WORDS: Mapping[Trait, str] = {
    "tails": "the bright tail over the dark one",
    "level": "the median over the range of the middle 90 %",
    "width": "the range of the middle half over that of the middle 90 %",
    "correlation": "the rank correlation",
}


class Spread(Section):
    """One number over the training subjects that have it.

    Attributes:
        trait: which number; quotients are compared as logarithms.
        modalities: of the one image or the two that it is about.
        subjects: how many.
        mean, std: of these logarithms, or of correlations; bounded, as a bundle may come from a stranger.
    """

    trait: Trait
    modalities: tuple[str, ...] = Field(min_length=1, max_length=2)
    subjects: int = Field(ge=1)
    mean: float = Field(ge=-100, le=100)
    std: float = Field(ge=0, le=100)

    def deviation(self, value: float) -> float:
        """By how many standard deviations a new subject's number differs."""
        spread = self.std**2 * (1 + 1 / self.subjects) + TOLERANCE[self.trait] ** 2
        return (value - self.mean) / math.sqrt(spread)

    def shown(self, value: float) -> str:
        """A number as people read it."""
        return f"{value:+.2f}" if self.trait == "correlation" else f"{math.exp(value):.2g}"


class IntensityFingerprint(Section):
    """What the images of the training subjects look like.

    Attributes:
        subjects: number of training subjects.
        spreads: of each number.
    """

    subjects: int = Field(ge=1)
    spreads: tuple[Spread, ...]

    @classmethod
    def of(cls, found: Sequence[Intensities]) -> IntensityFingerprint:
        """The fingerprint of some subjects, at least one."""
        values: dict[Key, list[float]] = {}
        for one in found:
            for (trait, names), value in _traits(one, {name: name for name in one.images}).items():
                values.setdefault((trait, names), []).append(value)
        spreads = (
            Spread(
                trait=trait,
                modalities=names,
                subjects=len(numbers),
                mean=round(fmean(numbers), 4),
                std=round(stdev(numbers), 4) if len(numbers) > 1 else 0.0,
            )
            for (trait, names), numbers in values.items()
        )
        return cls(subjects=len(found), spreads=tuple(spreads))

    def only(self, modalities: Sequence[str]) -> IntensityFingerprint:
        """The fingerprint of some of the modalities."""
        kept = tuple(each for each in self.spreads if set(each.modalities) <= set(modalities))
        return IntensityFingerprint(subjects=self.subjects, spreads=kept)

    def compare(self, found: Intensities, others: str = TRAINING) -> tuple[Finding, ...]:
        """In what a subject's images are unlike those of the fingerprint, an exchange of two of them first.

        Images that fewer than `FEWEST_SUBJECTS` of its subjects have are not compared.

        Args:
            found: the subject's images.
            others: what findings call the scans of the fingerprint.
        """
        given = {name: name for name in found.images}
        spreads = [each for each in self.spreads if each.subjects >= FEWEST_SUBJECTS]
        traits = _traits(found, given)
        exchange = _exchange(spreads, found, traits, others)
        explained = set(exchange.modalities) if exchange else set()
        unlike = _unlike(spreads, traits, explained, others)
        return (*([exchange] if exchange else []), *unlike)


def assess(
    found: Intensities, fingerprint: IntensityFingerprint | None, others: str = TRAINING
) -> tuple[Finding, ...]:
    """Everything implausible about a subject's images, by physics and by the fingerprint, if there is one.

    What a mistake that is certain explains is left out, and what the fingerprint adds to what physics says already.
    """
    findings = list(implausible(found))
    doubted = {name for finding in findings for name in finding.modalities}
    for finding in fingerprint.compare(found, others) if fingerprint else ():
        if finding.certain or not set(finding.modalities) <= doubted:
            findings.append(finding)
    certain: list[Finding] = []
    for finding in findings:
        if finding.certain and not _explained(finding, certain):
            certain.append(finding)
    return (*certain, *(each for each in findings if not each.certain and not _explained(each, certain)))


def _explained(finding: Finding, certain: Iterable[Finding]) -> bool:
    return any(set(finding.modalities) & set(each.modalities) for each in certain)


def _traits(found: Intensities, images: Mapping[str, str]) -> dict[Key, float]:
    """A subject's numbers; each modality has the image of another name, or its own."""
    traits: dict[Key, float] = {}
    for name, image in images.items():
        for trait, value in _of_one(found.images[image]):
            traits[trait, (name,)] = value
    names = sorted(images)
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            if (pair := found.pair(images[first], images[second])) is not None:
                traits["correlation", (first, second)] = pair.correlation
    return traits


def _of_one(image: ImageIntensities) -> Iterator[tuple[Trait, float]]:
    _, _, below, median, above, _, _ = image.percentiles
    yield "tails", math.log(image.tails)
    yield "level", math.log(max(median / image.spread, LEAST_QUOTIENT))
    yield "width", math.log(max((above - below) / image.spread, LEAST_QUOTIENT))


def _deviations(spreads: Iterable[Spread], traits: Traits, names: Iterable[str]) -> list[float]:
    """Of all numbers that some modalities have a part in."""
    about = set(names)
    return [
        each.deviation(traits[each.trait, each.modalities])
        for each in spreads
        if about & set(each.modalities) and (each.trait, each.modalities) in traits
    ]


def _exchange(spreads: Sequence[Spread], found: Intensities, given: Traits, others: str) -> Finding | None:
    """The exchange of two images after which they resemble the others much more."""
    known = sorted({name for each in spreads for name in each.modalities} & set(found.images))
    best: tuple[float, float, tuple[str, str]] | None = None
    for pair, images in exchanges(known):
        before, after = (
            _mean_square(_deviations(spreads, traits, pair)) for traits in (given, _traits(found, images))
        )
        least, times = SUSPECT
        if (
            before >= least
            and before >= times * after
            and (best is None or after / before < best[1] / best[0])
        ):
            best = before, after, pair
    if best is None:
        return None
    before, after, (first, second) = best
    least, times = CERTAIN
    certain = before >= least and before >= times * after
    verb = "are" if certain else "may be"
    what = (
        f"{first} and {second} {verb} exchanged: as given they are {math.sqrt(before):.1f} standard deviations from "
        f"{others}, exchanged {math.sqrt(after):.1f}"
    )
    return Finding((first, second), what, "give each modality its own file", certain=certain)


def _mean_square(deviations: Sequence[float]) -> float:
    return fmean(min(each**2, LARGEST**2) for each in deviations) if deviations else 0.0


def _unlike(
    spreads: Iterable[Spread],
    traits: Traits,
    explained: set[str],
    others: str,
) -> Iterator[Finding]:
    """Each modality's number that is furthest from the others', if it is unlike them."""
    worst: dict[tuple[str, ...], tuple[float, Spread]] = {}
    for each in spreads:
        value = traits.get((each.trait, each.modalities))
        if value is not None and not explained & set(each.modalities):
            deviation = abs(each.deviation(value))
            if deviation > UNLIKE and deviation > worst.get(each.modalities, (0.0, each))[0]:
                worst[each.modalities] = deviation, each
    for names, (deviation, each) in worst.items():
        value = traits[each.trait, names]
        low, high = (each.shown(each.mean + step * each.std) for step in (-2, 2))
        what = (
            f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} unlike {others}: "
            f"{WORDS[each.trait]} is {each.shown(value)}, there {low} to {high} "
            f"({deviation:.1f} standard deviations)"
        )
        yield Finding(names, what, "check that each file is what it is given as")
