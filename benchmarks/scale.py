"""`python -m benchmarks.scale`: cost of a trial in a study of 100 trials, relative to one in a study of 10,000.

The search, its database, its records and its tracking are real: Ray on this machine, Optuna and MLflow on SQLite. The
trials are stand-ins that replay learning curves with four reports each, and take no time of their own, so that the time
of a study is its overhead. A stand-in has no test subjects.
Each size runs in a process of its own, whose peak memory is the driver's.

The cost of a trial is the time between the ends of two trials, from the end of the first twenty (by then, the
processes of the trials have started) to the end of the last one. `--sizes 100,1000` measures less.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from study.commandline.composition import compose
from study.records import StudyFolder

SIZES = (100, 1_000, 10_000)
CONCURRENCY = 2
WARM = 20  # trials that end before the measurement begins
PATIENCE_S = 1800.0  # for the tracking, far beyond its target of 60 s
LATE = 80  # trials at the end, whose cost is measured separately
SETTINGS = [
    "search_space=gradual",
    "study.name=scale",
    f"study.concurrency={CONCURRENCY}",
    "trainer.epochs=4",
    "trainer.validate_every=1",
]


@dataclass(frozen=True)
class Cost:
    """What a study of some size costs.

    Attributes:
        trials: their number.
        trial_s: mean time of a trial.
        late_trial_s: mean time of one of the last trials.
        tracking_s: from the end of the last trial until MLflow has everything.
        driver_gb: peak memory of the driver.
    """

    trials: int
    trial_s: float
    late_trial_s: float
    tracking_s: float
    driver_gb: float


def main() -> None:
    """Measure and print."""
    costs = [_alone(trials) for trials in _sizes()]
    measured_on = {
        "trials": [cost.trials for cost in costs],
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
    }
    print(json.dumps({"ratio": costs[0].trial_s / costs[-1].trial_s, "measured_on": measured_on}))


def measure(trials: int, root: str) -> Cost:
    """Run one study; to be called once a process."""
    from benchmarks.learning_curves import stand_in
    from study.tracking.tracker import MlflowTracker
    from study.tuning import run_search
    from study.workflow.report import summarise
    from study.workflow.searching import search_plan

    config = compose([*SETTINGS, f"study.root={root}", f"study.trials={trials}"])
    folder = StudyFolder(config.study.root, config.study.name)
    folder.config.write(config)
    tracker = MlflowTracker(config, folder)
    tracker.begin()
    run_search(search_plan(config), folder, tracker.trial_changed, run_trial=stand_in)
    folder.summary.write(summarise(config, folder))
    stored = tracker.finish(PATIENCE_S)
    finished_ms = time.time() * 1000
    ends = sorted(trial.result.written_ms or 0 for trial in folder.trials())
    if not stored or len(ends) != trials:
        raise SystemExit(
            f"{len(ends)} of {trials} trials ended, and MLflow has {'all' if stored else 'not all'}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(
        trials=trials,
        trial_s=(ends[-1] - ends[WARM - 1]) / 1000 / (trials - WARM),
        late_trial_s=(ends[-1] - ends[-1 - LATE]) / 1000 / LATE,
        tracking_s=(finished_ms - ends[-1]) / 1000,
        driver_gb=peak / 1e9,
    )


def _alone(trials: int) -> Cost:
    with (
        tempfile.TemporaryDirectory() as root,
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process,
    ):
        cost = process.submit(measure, trials, root).result()
    print(
        f"{trials:>6} trials: {1000 * cost.trial_s:.0f} ms a trial, {1000 * cost.late_trial_s:.0f} ms for each of the "
        f"last {LATE}; MLflow had everything {cost.tracking_s:.1f} s after the last trial; "
        f"the driver took {cost.driver_gb:.2f} GB",
        flush=True,
    )
    return cost


def _sizes() -> list[int]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="trials of each study, ascending")
    sizes = [int(size) for size in parser.parse_args().sizes.split(",")]
    if min(sizes) < WARM + LATE:
        parser.error(f"--sizes: a study needs at least {WARM + LATE} trials")
    return sizes


if __name__ == "__main__":
    main()
