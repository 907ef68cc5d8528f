"""`python -m benchmarks.fresh_brains`: a training with fresh brains beside the same one with a fixed cohort.

Settings are given as to `study.train`. The ratio compares the seconds of the epochs; the training with fresh brains
says how many of them it waited. Then brains are made alone, to measure their time on one core.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from study.commandline.composition import compose
from study.commandline.progress import Lines
from study.config import Config
from study.imaging.fetching import size_of
from study.machine.processes import available_cpus
from study.records import StudyFolder
from study.streaming.making import make_brain
from study.workflow.opening import open_study
from study.workflow.study import train_once

BRAINS = 10


def main(given: Sequence[str]) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as root:
        seconds = {}
        for name, streams in (("fixed", False), ("fresh", True)):
            kept = [line for line in given if streams or not line.startswith("cohort.phantom.stream")]
            stream = ["cohort.phantom.stream=true"] if streams else []
            config = compose(["study.trials=1", f"study.name={name}", f"study.root={root}", *stream, *kept])
            folder = train_once(config, Lines(print))
            epochs = folder.trial(0).training.epochs.read()
            seconds[name] = sum(epoch.seconds for epoch in epochs)
            waited = sum(epoch.waited_s for epoch in epochs)
            print(
                f"{name}: {seconds[name]:.1f} s in {len(epochs)} epochs, of which {waited:.1f} s waiting for brains"
            )
        _measure_brains(folder, config)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": available_cpus()}
    print(json.dumps({"ratio": seconds["fixed"] / seconds["fresh"], "measured_on": machine}))


def _measure_brains(folder: StudyFolder, config: Config) -> None:
    """Make brains that the training has not reached, one after the other in this process."""
    data = open_study(folder, config)
    stream = data.stream
    assert stream is not None
    taken, sizes = [], []
    for key in list(stream.turns.slots)[:BRAINS]:
        last = stream.brain(key, 10**9)
        assert last is not None
        began = time.process_time()
        make_brain(stream.recipe, last)
        taken.append(time.process_time() - began)
        sizes.append(size_of(Path(config.cache_root), stream.recipe.entry(last).name))
    print(
        f"a brain: {statistics.median(taken):.2f} s of one core (median of {len(taken)}, {min(taken):.2f} to "
        f"{max(taken):.2f}), {statistics.median(sizes) / 1e6:.2f} MB in the cache"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
