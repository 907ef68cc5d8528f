"""`python -m benchmarks.overhead`: time of 8 short trainings without a study, relative to a study of the same trials.

Bare: two processes share the trainings and only call `run_trial`. Study: Ray Tune, Optuna and MLflow with the same
concurrency. Imports and construction count on both sides; the start of Ray and the preparation of the scans do not.
Both sides train with the same parameters.
"""

from __future__ import annotations

import json
import multiprocessing
import platform
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from study.commandline.composition import compose
from study.records import StudyFolder
from study.training.epoch import Epoch
from study.workflow.preparation import prepare_study

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
    from study.tracking import make_tracker
    from study.tuning import run_search
    from study.tuning.cluster import LOCAL, ray_for
    from study.tuning.room import Need
    from study.workflow.searching import search_plan
    from study.workflow.trial import run_trial

    config = compose([*SETTINGS, f"study.root={root}", "study.name=study"])
    folder = StudyFolder(config.study.root, config.study.name)
    prepare_study(config, folder)
    with ray_for(LOCAL, Need.of(config.trainer), config.study.concurrency):
        began = time.perf_counter()
        tracker = make_tracker(config, folder)
        tracker.begin()
        run_search(search_plan(config), folder, tracker.trial_changed, run_trial=run_trial)
        tracker.finish(120)
        return time.perf_counter() - began


def run_bare(root: str) -> float:
    """Seconds of the same trainings in a pool of processes."""
    config = compose([*SETTINGS, f"study.root={root}", "study.name=bare"])
    folder = StudyFolder(config.study.root, config.study.name)
    prepare_study(config, folder)
    for trial in StudyFolder(config.study.root, "study").trials():
        folder.trial(trial.number).parameters.write(trial.searched())
    began = time.perf_counter()
    with ProcessPoolExecutor(CONCURRENCY, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_train, [(root, number) for number in range(TRIALS)]))
    return time.perf_counter() - began


def _train(task: tuple[str, int]) -> None:
    import torch

    from study.workflow.trial import run_trial

    root, number = task
    folder = StudyFolder(Path(root), "bare")
    config = folder.config.read()
    torch.set_num_threads(config.trainer.cpus_per_worker)
    trial = folder.trial(number)
    run_trial(config.with_values(trial.searched()), trial, _continue)


def _continue(epoch: Epoch) -> bool:
    return False


if __name__ == "__main__":
    main()
