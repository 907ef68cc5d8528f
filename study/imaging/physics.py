"""What physics says of the intensities of images of the brain, and whether given ones agree.

Each statement is right, wrong, or open, where pathology and protocols leave a margin.
`docs/concepts/plausible-images.md` gives the reasons for the thresholds, and how often they err.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from study.cohort.sequences import SYNONYMS
from study.imaging.intensities import ImageIntensities, Intensities, PairIntensities

State = Literal["right", "open", "wrong"]

CONTRASTS = {name: name for name in ("ADC", "B0", "DWI", "PHASE")}
CONTRASTS |= {name.upper(): contrast for contrast in ("T1", "T2", "FLAIR") for name in SYNONYMS[contrast]}

# Width of the bright tail over the dark one, within which a single image may lie.
BRIGHT_FLUID = {"ADC": 1.5, "B0": 0.8, "T2": 1.0}  # at least
DARK_FLUID = {"DWI": 2.5, "FLAIR": 2.0, "T1": 2.0}  # at most
FLUID = 0.1  # `PairIntensities.fluid`: below -0.1 right, above 0.1 wrong, where tails agree
TAILS = 0.7  # bright over dark tail of the image with dark fluid, over that of the other: below right
ABOVE = (0.1, 0.5)  # share of the brain in which DWI is brighter than B0: right below, wrong above
FITS, FITS_NOT = 0.95, 0.5  # correlation of ADC with ln(B0 / DWI)
UNEXPLAINED = 4.0  # times the variance that another image in ADC's place leaves unexplained: wrong
T1_AND_T2 = 0.2  # rank correlation of FLAIR with T2 less that of T1: above 0.2 right, below -0.2 wrong
ADC_QUARTILE = (0.45, 1.2)  # 10⁻³ mm²/s; the lower quartile is tissue: 0.62 to 1.09 (Helenius 2002)
# Highest values of phase that is stored without sign.
PERIODS = (2 * math.pi, 255, 360, 1023, 1024, 4095, 4096, 8191, 8192, 16383, 32767, 65535)
NEAR = 0.02  # relative to a period
ADC_MEDIAN = (0.2, 4.0)  # 10⁻³ mm²/s; whole brains with CSF lie near 0.9, water at 37 °C at 3
ADC_UNITS = {"10⁻³ mm²/s": 1.0, "mm²/s": 1e3, "10⁻⁶ mm²/s": 1e-3}


@dataclass(frozen=True)
class Statement:
    """A statement of physics about images that are given as some modalities.

    Attributes:
        law: which one.
        modalities: that it is about.
        state: whether they agree with it.
        what: how they disagree, in words and numbers.
    """

    law: str
    modalities: tuple[str, ...]
    state: State
    what: str


def statements(found: Intensities, images: Mapping[str, str]) -> Iterator[Statement]:
    """Everything that physics says of a subject's images.

    Args:
        found: the images.
        images: modality to the name in `found` of the image that is taken for it.
    """
    known = {name: CONTRASTS[name.upper()] for name in images if name.upper() in CONTRASTS}
    for name, contrast in known.items():
        yield from _of_one(name, contrast, found.images[images[name]])
    for one, other in permutations(known, 2):
        if (pair := found.pair(images[one], images[other])) is not None:
            tails = found.images[images[one]].tails, found.images[images[other]].tails
            yield from _of_two((one, other), (known[one], known[other]), pair, tails)
    names = {contrast: name for name, contrast in known.items()}
    yield from _attenuation(found, names, images)
    yield from _t1_and_t2(found, names, images)


def _of_one(name: str, contrast: str, image: ImageIntensities) -> Iterator[Statement]:
    """Statements about a single image; none is ever `right`, since any image of the brain could agree."""
    tails = f"its bright tail is {image.tails:.2g} times as wide as its dark one"
    if (least := BRIGHT_FLUID.get(contrast)) is not None:
        what = f"fluid should be bright in {name}, but {tails}, expected at least {least:g} times"
        yield _allowed("bright fluid", name, image.tails >= least, what)
    if (most := DARK_FLUID.get(contrast)) is not None:
        what = f"fluid should be dark in {name}, but {tails}, expected at most {most:g} times"
        yield _allowed("dark fluid", name, image.tails <= most, what)
    if contrast == "ADC":
        yield _diffusion(name, image)
    if contrast == "PHASE":
        yield _phase(name, image)


def _diffusion(name: str, image: ImageIntensities) -> Statement:
    _, _, quartile, median, _, _, _ = image.percentiles
    if (factor := unit_of(median)) is None:
        what = f"half of the brain in {name} lies below {median:.3g}, which it does in no unit of ADC"
        return _allowed("diffusion of tissue", name, False, what)
    low, high = ADC_QUARTILE
    what = (
        f"a quarter of the brain in {name} lies below {quartile * factor:.2f}·10⁻³ mm²/s, expected {low:g} to "
        f"{high:g}; tissue has 0.6 to 1.1"
    )
    return _allowed("diffusion of tissue", name, low <= quartile * factor <= high, what)


def _phase(name: str, image: ImageIntensities) -> Statement:
    low, high = image.percentiles[1], image.percentiles[-2]
    if image.low < 0:
        what = f"{name} should lie around 0, but 90 % of the brain lie between {low:.3g} and {high:.3g}"
        return _allowed("phase", name, low < 0 < high, what)
    period = min(PERIODS, key=lambda period: abs(image.high - period))
    what = (
        f"{name} should lie around 0 or, without negative values, fill a period such as 0 to 4095, "
        f"but it has values from {image.low:.3g} to {image.high:.3g}"
    )
    return _allowed("phase", name, abs(image.high - period) <= NEAR * period, what)


def _of_two(
    names: tuple[str, str], contrasts: tuple[str, str], pair: PairIntensities, tails: tuple[float, float]
) -> Iterator[Statement]:
    """Statements about two images, the first one with bright fluid, the second one with dark fluid."""
    bright, dark = names
    if contrasts[0] in BRIGHT_FLUID and contrasts[1] in DARK_FLUID:
        what = (
            f"fluid should be bright in {bright} and dark in {dark}, but it is the other way round "
            f"(asymmetry {pair.fluid:+.2f}, expected below {-FLUID:g}; bright tail over dark tail: "
            f"{tails[0]:.2g} in {bright}, {tails[1]:.2g} in {dark})"
        )
        right = pair.fluid < -FLUID and tails[1] < TAILS * tails[0]
        wrong = pair.fluid > FLUID and tails[0] < TAILS * tails[1]
        yield _judged("fluid", names, right, wrong, what)
    if contrasts == ("B0", "DWI"):
        above = 1 - pair.above
        few, many = ABOVE
        what = f"{dark} is brighter than {bright} in {above:.0%} of the brain, but diffusion weighting only darkens"
        yield _judged("attenuated", names, above < few, above > many, what)


def _attenuation(
    found: Intensities, names: Mapping[str, str], images: Mapping[str, str]
) -> Iterator[Statement]:
    """ADC is proportional to ln(B0 / DWI), and no other image fits in its place (Stejskal and Tanner 1965)."""
    if not {"ADC", "B0", "DWI"} <= set(names) & set(found.attenuation):
        return
    triple = tuple(names[contrast] for contrast in ("ADC", "B0", "DWI"))
    if not set(triple) == {images[name] for name in triple} == {"ADC", "B0", "DWI"}:
        return
    adc, b0, _ = (images[name] for name in triple)
    # The order that `Intensities.attenuation` has for the image in ADC's place; the other order has the other sign.
    first = "ADC" if adc == "B0" else "B0"
    value = found.attenuation[adc] * (1 if b0 == first else -1)
    best = max(found.attenuation.values(), key=abs)
    worse = (1 - value**2) / max(1 - best**2, 1e-9)
    what = f"ADC should follow ln(B0 / DWI), but their correlation is {value:+.2f}"
    if value > FITS_NOT:
        what += f", where another order of the three gives {abs(best):.3f}"
    beaten = abs(best) >= FITS and worse > UNEXPLAINED
    yield _judged("attenuation", triple, value >= FITS and not beaten, value < FITS_NOT or beaten, what)


def _t1_and_t2(
    found: Intensities, names: Mapping[str, str], images: Mapping[str, str]
) -> Iterator[Statement]:
    """White matter, grey matter and fluid have one order in T1 and the reverse in T2; in FLAIR only fluid is dark."""
    if not {"T1", "T2", "FLAIR"} <= set(names):
        return
    t1, t2, flair = (names[contrast] for contrast in ("T1", "T2", "FLAIR"))
    pairs = [found.pair(images[name], images[t2]) for name in (t1, flair)]
    if (first := pairs[0]) is None or (second := pairs[1]) is None:
        return
    lead = second.correlation - first.correlation
    what = (
        f"{flair} should be more like {t2} than {t1} is, but their rank correlations are "
        f"{second.correlation:+.2f} and {first.correlation:+.2f}"
    )
    yield _judged("T1 and T2", (t1, t2, flair), lead > T1_AND_T2, lead < -T1_AND_T2, what)


def _allowed(law: str, name: str, allowed: bool, what: str) -> Statement:
    return Statement(law, (name,), "open" if allowed else "wrong", what)


def _judged(law: str, names: tuple[str, ...], right: bool, wrong: bool, what: str) -> Statement:
    return Statement(law, names, "right" if right else "wrong" if wrong else "open", what)


def unit_of(median: float) -> float | None:
    """The factor to 10⁻³ mm²/s of an ADC whose median in the brain is known; None if no unit fits."""
    low, high = ADC_MEDIAN
    return next((factor for factor in ADC_UNITS.values() if low <= median * factor <= high), None)
