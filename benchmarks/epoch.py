"""`python -m benchmarks.epoch`: speed of drawing an epoch's patches from the cache, relative to NIfTI files.

Both sides draw the same patches (no augmentation, no network) of the same phantoms. They take turns, and the ratio
compares their median times. The NIfTI side reads, checks, resamples, crops and normalises a subject for each patch.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np

from study.cohort import load_cohort
from study.commandline.composition import compose
from study.imaging.cache import prepare_cohort
from study.imaging.fingerprint import fingerprint
from study.imaging.prepare import Prepared, prepare_subject
from study.imaging.sample import sample_patch
from study.workflow.protocol import imaging_protocol

ROUNDS = 5
SAMPLES = 24
PATCH = (16, 48, 48)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as root:
        config = compose(
            [
                "study.name=benchmark",
                f"study.root={root}",
                "cohort.phantom.subjects_per_center=3",
                "cohort.unseen=[]",
            ]
        )
        cohort, protocol = load_cohort(config.cohort, config.phantom_root), imaging_protocol(config)
        keys = [subject.key for subject in cohort.subjects if "lesion" in subject.masks]
        spacing_mm = fingerprint(cohort, keys, protocol).spacing_mm
        cache = prepare_cohort(cohort, keys, protocol, config.cache_root, spacing_mm)

        def epoch(read: Callable[[str], Prepared]) -> float:
            rng = np.random.default_rng(0)
            began = time.perf_counter()
            for number in range(SAMPLES):
                prepared = read(keys[int(rng.integers(len(keys)))])
                sample_patch(prepared, PATCH, number % 2 == 1, rng).cut()
            return time.perf_counter() - began

        nifti, cached = [], []
        for _ in range(ROUNDS):
            nifti.append(epoch(lambda key: prepare_subject(cohort[key], protocol, spacing_mm)))
            cached.append(epoch(lambda key: cache[key]))
    print(f"from NIfTI: median {statistics.median(nifti):.3f} s an epoch of {SAMPLES} patches {nifti}")
    print(f"from the cache: median {statistics.median(cached):.4f} s {cached}")
    measured_on = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
    print(
        json.dumps(
            {"ratio": statistics.median(nifti) / statistics.median(cached), "measured_on": measured_on}
        )
    )


if __name__ == "__main__":
    main()
