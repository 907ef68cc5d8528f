"""Phantoms with any two of their modalities exchanged, beside a fingerprint of the five other centers."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from study.config import Imaging, Phantom
from study.imaging.intensities import Intensities
from study.imaging.likeness import IntensityFingerprint, assess
from study.imaging.measure import measure
from study.imaging.scan import read_scan
from study.imaging.stack import stack
from study.phantoms import PhantomSubject, phantom_files, phantom_roster
from study.phantoms.write import write_subject

ORDER = ("DWI", "ADC", "B0", "SWAN", "SWI", "PHASE")
SETTINGS = Phantom(subjects_per_center=2, seed=3)
# Refused by their values before, as they are negative, or errors now.
CERTAIN = [{"DWI", "ADC"}, {"DWI", "B0"}, {"ADC", "B0"}]


def look(images: dict[str, Path]) -> Intensities:
    names = [name for name in ORDER if name in images]
    scan = read_scan(images, names, None, {}, None, "input")
    return measure(scan.volumes, stack(scan, None, Imaging()))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[PhantomSubject, dict[str, Path]]]:
    folder = tmp_path_factory.mktemp("phantoms")
    found = {}
    for subject in phantom_roster(SETTINGS):
        write_subject(subject, SETTINGS, folder)
        found[subject.id] = subject, dict(phantom_files(subject, folder).images)
    return found


@pytest.mark.slow
def test_no_phantom_raises_an_alarm_and_every_exchange_of_diffusion_does(
    written: dict[str, tuple[PhantomSubject, dict[str, Path]]],
) -> None:
    measured = {name: look(images) for name, (_, images) in written.items()}
    tried = 0
    for name, (subject, images) in written.items():
        others = [measured[other] for other, (one, _) in written.items() if one.center != subject.center]
        fingerprint = IntensityFingerprint.of(others)
        assert assess(measured[name], fingerprint) == (), name
        for first, second in combinations(images, 2):
            if {first, second} in CERTAIN:
                tried += 1
                wrong = {**images, first: images[second], second: images[first]}
                found = [each for each in assess(look(wrong), fingerprint) if each.certain]
                assert [set(each.modalities) for each in found] == [{first, second}], name
    assert tried == 4 * 2 * 3 + 2 + 2  # ISLES has no B0, FOCH no ADC
