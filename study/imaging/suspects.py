"""Which subjects of a cohort have implausible images: by physics, and unlike those of the other subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from study.imaging.intensities import Intensities
from study.imaging.likeness import FEWEST_SUBJECTS, IntensityFingerprint, assess
from study.imaging.plausible import Finding, implausible

OTHERS = "the cohort's other scans"
MANY = 200  # subjects; among more, one alone does not change what all look like


def suspicious(measured: Sequence[Intensities]) -> Iterator[tuple[Finding, ...]]:
    """What is implausible about each subject's images.

    Being unlike the others is never certain here: the others may be the ones that are wrong.
    """
    everyone = IntensityFingerprint.of(measured) if len(measured) > MANY else None
    for number, found in enumerate(measured):
        others = [*measured[:number], *measured[number + 1 :]]
        if everyone is None and len(others) < FEWEST_SUBJECTS:
            yield implausible(found)
            continue
        physics = {each for each in implausible(found) if each.certain}
        all_of_them = assess(found, everyone or IntensityFingerprint.of(others), OTHERS)
        yield tuple(replace(each, certain=each in physics) for each in all_of_them)
