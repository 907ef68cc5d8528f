"""`python -m benchmarks.overhead`: 8 short trainings run bare, over a study of the same 8 trials.

Bare: two processes take the trainings in turn and call `run_trial`; nothing else. Study: Ray Tune, Optuna, MLflow,
with the same concurrency. Both import and build everything that they need within their time; Ray's own start is
not counted, nor is the preparation of the scans. Both sides train the same parameters.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from study.composition import compose
from study.config import validate
from study.preparation import prepare_study
from study.results import StudyFolder, read_json, write_json

TRIALS = 8
CONCURRENCY = 2
SETTINGS = [
    "search_space=none",
    "cohort.phantom.subjects_per_center=4",
    f"study.trials={TRIALS}",
    f"study.concurrency={CONCURRENCY}",
    "tuning.scheduler=none",
    "trainer.epochs=6",
    "trainer.validate_every=2",
]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as root:
        study_s = run_study(root)
        bare_s = run_bare(root)
    print(f"{TRIALS} trainings, {CONCURRENCY} at a time: study {study_s:.1f} s, bare {bare_s:.1f} s")
    measured_on = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
    print(json.dumps({"ratio": bare_s / study_s, "measured_on": measured_on}))


def run_study(root: str) -> float:
    """Seconds of the search and its tracking, with Ray already up."""
    from study.tracking import Tracker
    from study.tuning import run_search
    from study.tuning.cluster import ray_for

    config = compose([*SETTINGS, f"study.root={root}", "study.name=study"])
    folder = StudyFolder(config.study.root, config.study.name)
    prepare_study(config, folder)
    with ray_for(config, folder.path):
        began = time.perf_counter()
        tracker = Tracker(config, folder)
        tracker.begin()
        run_search(config, folder, tracker.trial_changed)
        tracker.finish()
        return time.perf_counter() - began


def run_bare(root: str) -> float:
    """Seconds of the same trainings in a pool of processes."""
    config = compose([*SETTINGS, f"study.root={root}", "study.name=bare"])
    folder = StudyFolder(config.study.root, config.study.name)
    prepare_study(config, folder)
    for trial in StudyFolder(config.study.root, "study").trials():
        write_json(folder.trial(trial.number).parameters, read_json(trial.parameters))
    began = time.perf_counter()
    with ProcessPoolExecutor(CONCURRENCY, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_train, [(root, number) for number in range(TRIALS)]))
    return time.perf_counter() - began


def _train(task: tuple[str, int]) -> None:
    import torch

    from study.trial import run_trial

    root, number = task
    folder = StudyFolder(Path(root), "bare")
    config = validate(read_json(folder.config))
    torch.set_num_threads(config.trainer.cpus_per_worker)
    trial = folder.trial(number)
    run_trial(config.with_values(read_json(trial.parameters)), trial, _go_on)


def _go_on(epoch: int, metrics: Mapping[str, float]) -> bool:
    return False


if __name__ == "__main__":
    main()
