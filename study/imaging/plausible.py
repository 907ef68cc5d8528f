"""Which images of a subject cannot be what they are given as.

What contradicts physics is a warning. It is certain, and an error, where two images contradict each other as given and
nothing is wrong with them exchanged, and where a file holds no image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from study.errors import Problem
from study.imaging.intensities import COUNTED, ImageIntensities, Intensities
from study.imaging.physics import CONTRASTS, Statement, statements

MASK_VALUES = 16  # distinct values: no more are in a mask or a map of few labels
OVERRIDE = "imaging.implausible=warn uses it all the same"
SAME = 0.9999  # rank correlation of an image with itself
PLATEAU, EMPTY = 0.6, 0.95  # share of the brain with one and the same value: implausible, and certainly


@dataclass(frozen=True)
class Finding:
    """Something implausible about a subject's images.

    Attributes:
        modalities: that it is about, at least one.
        what: is implausible, with numbers.
        remedy: what to do.
        certain: whether it can only be a mistake.
    """

    modalities: tuple[str, ...]
    what: str
    remedy: str
    certain: bool = False

    def problem(self, subject: str, files: Mapping[str, Path], override: str = "") -> Problem:
        """The finding as a problem with the first modality's file; `override` says how to go on all the same."""
        remedy = f"{self.remedy}; {override}" if override else self.remedy
        return Problem(subject, files.get(self.modalities[0]), self.what, remedy)


def implausible(found: Intensities) -> tuple[Finding, ...]:
    """Everything implausible about a subject's images."""
    files = [finding for name, image in found.images.items() for finding in _no_image(name, image)]
    files += _copies(found)
    suspect = {name for finding in files for name in finding.modalities}
    wrong = [
        each
        for each in statements(found, {name: name for name in found.images})
        if each.state == "wrong" and not suspect & set(each.modalities)
    ]
    exchange = _exchange(found, wrong)
    explained = set(exchange.modalities) if exchange else set()
    rest = [
        Finding(each.modalities, each.what, "check that each file is what it is given as")
        for each in wrong
        if not explained & set(each.modalities)
    ]
    return (*files, *([exchange] if exchange else []), *rest)


def certain_problems(
    found: Intensities, subject: str, files: Mapping[str, Path], override: str = ""
) -> tuple[Problem, ...]:
    """The mistakes of a subject that are certain; `override` says how to go on all the same."""
    return tuple(each.problem(subject, files, override) for each in implausible(found) if each.certain)


def exchanges(names: Sequence[str]) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    """Every two of the names, and for each name that whose image it has when these two are exchanged."""
    for first, second in combinations(names, 2):
        yield (first, second), {**{name: name for name in names}, first: second, second: first}


def _no_image(name: str, image: ImageIntensities) -> Iterator[Finding]:
    """What is said against a file's being an image of anything."""
    remedy = f"give the {name} image itself"
    if image.values < COUNTED:
        what = f"{name} has only {image.values} different values ({image.low:g} to {image.high:g}), as a mask has"
        yield Finding((name,), what, remedy, certain=image.values <= MASK_VALUES)
    elif image.plateau > PLATEAU:
        what = f"{image.plateau:.0%} of the brain have one and the same value in {name}"
        yield Finding((name,), what, remedy, certain=image.plateau > EMPTY)


def _copies(found: Intensities) -> Iterator[Finding]:
    """Images that are given twice."""
    for pair in found.pairs:
        one, other = found.images[pair.first], found.images[pair.second]
        if (one.low, one.high) == (other.low, other.high) and pair.correlation > SAME:
            what = f"{pair.first} and {pair.second} are one and the same image"
            yield Finding((pair.first, pair.second), what, "give each modality its own file", certain=True)


def _exchange(found: Intensities, wrong: Sequence[Statement]) -> Finding | None:
    """The exchange that mends what images contradict each other in, if there is one; the best if there are several."""
    contradictions = [each for each in wrong if len(each.modalities) > 1]
    known = [name for name in found.images if name.upper() in CONTRASTS]
    rest = {name: name for name in found.images if name not in known}
    best: tuple[int, tuple[str, str]] | None = None
    for pair, images in exchanges(known) if contradictions else ():
        after = {(each.law, each.modalities): each.state for each in statements(found, images | rest)}
        mended = any(after.get((each.law, each.modalities)) == "right" for each in contradictions)
        right = list(after.values()).count("right")
        if mended and "wrong" not in after.values() and (best is None or right > best[0]):
            best = right, pair
    if best is None:
        return None
    first, second = best[1]
    reasons = "; ".join(each.what for each in contradictions)
    return Finding(
        (first, second),
        f"{first} and {second} are exchanged: {reasons}",
        "give each modality its own file",
        certain=True,
    )
