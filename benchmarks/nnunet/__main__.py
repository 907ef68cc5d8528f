"""`python -m benchmarks.nnunet`: segmentation with Fadeout's engine, relative to nnU-Net's.

Both train on the same 40 simulated scans for as many iterations, with one network, patch, spacing and batch, and
predict 48 scans of other people, without mirroring; nnU-Net's evaluation judges both. nnU-Net runs in an environment
of its own (`--python`), since it needs packages that Fadeout does not. What has been measured is kept in the folder
and not measured again. The last line is JSON; its ratio is our mean Dice over theirs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.estimates import Estimate, estimate
from benchmarks.nnunet import ours
from benchmarks.nnunet.data import write_dataset

EPOCHS = 20  # of a training, at each of which the learning rate falls
THEIRS = Path(__file__).with_name("theirs.py")


@dataclass(frozen=True)
class Run:
    """One training, judged.

    Attributes:
        cost: CPU seconds and memory, by name.
        dice: of each test scan.
    """

    cost: Mapping[str, float]
    dice: Mapping[str, float]


@dataclass(frozen=True)
class Place:
    """Where both engines work.

    Attributes:
        folder: of data, trainings and results.
        dataset: in nnU-Net's raw format.
        python: that has nnU-Net.
    """

    folder: Path
    dataset: Path
    python: str

    def theirs(self, *arguments: str) -> dict[str, float]:
        """Run nnU-Net's side; raises RuntimeError with the end of its output if it fails."""
        names = {"nnUNet_raw": "raw", "nnUNet_preprocessed": "preprocessed", "nnUNet_results": "results"}
        folders = {variable: str(self.folder / name) for variable, name in names.items()}
        single = {"OMP_NUM_THREADS": "1", "nnUNet_compile": "f", "MPLBACKEND": "agg"}
        found = subprocess.run(
            [self.python, str(THEIRS), *arguments],
            env=os.environ | folders | single,
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode:
            raise RuntimeError(f"nnU-Net failed: {found.stderr[-2000:]}")
        answer: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
        return answer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nnunet", description=__doc__)
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter of an environment with nnunetv2"
    )
    parser.add_argument("--folder", type=Path, default=Path("nnunet-benchmark"), help="of data and results")
    parser.add_argument("--iterations", type=int, nargs="+", default=[440, 2000])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, of one thread each")
    parser.add_argument("--engines", nargs="+", default=["ours", "theirs"])
    parser.add_argument(
        "--with", nargs="*", default=[], dest="more", help="settings of ours, such as key=value"
    )
    given = parser.parse_args()
    if any(iterations % EPOCHS or not iterations for iterations in given.iterations):
        parser.error(f"--iterations: must be multiples of {EPOCHS}, the epochs of a training")
    folder = given.folder.absolute()
    place = Place(folder, write_dataset(folder), given.python)
    prepare(place)
    jobs = [
        (engine, iterations, seed)
        for iterations in given.iterations
        for seed in range(given.seeds)
        for engine in given.engines
    ]
    with ThreadPoolExecutor(given.jobs) as pool:
        found = list(pool.map(lambda job: measured(place, job, given.more), jobs))
    ratios: dict[str, float] = {}
    for iterations in given.iterations:
        runs: dict[str, list[Run]] = {engine: [] for engine in given.engines}
        for (engine, trained, _), run in zip(jobs, found, strict=True):
            if trained == iterations:
                runs[engine].append(run)
        tell(iterations, runs)
        if {"ours", "theirs"} <= set(runs):
            ratios[str(iterations)] = mean_dice(runs["ours"]) / mean_dice(runs["theirs"])
    measured_on = {"machine": platform.machine(), "system": platform.system()}
    print(json.dumps({"ratio": min(ratios.values(), default=None), "of": ratios, "measured_on": measured_on}))


def prepare(place: Place) -> None:
    """Both sides' preparation of the scans, once."""
    root = place.folder / "studies"
    done = place.folder / "prepared"
    if not done.exists():
        plan = ours.network_plan(place.dataset, root)
        place.theirs("prepare", json.dumps(plan))
        done.touch()


def measured(place: Place, job: tuple[str, int, int], more: Sequence[str]) -> Run:
    """The result of one training (engine, iterations, seed), made unless it is there."""
    engine, iterations, seed = job
    changed = [re.sub("[^A-Za-z0-9._]+", "-", one) for one in more] if engine == "ours" else []
    out = place.folder / "runs" / "-".join([engine, *changed, str(iterations), str(seed)])
    result = out / "result.json"
    if not result.exists():
        out.mkdir(parents=True, exist_ok=True)
        each = iterations // EPOCHS
        if engine == "ours":
            cost = ours.train(place.dataset, place.folder / "studies", seed, EPOCHS, each, out, more)
        else:
            cost = place.theirs("train", str(seed), str(EPOCHS), str(each), str(out))
        dice = place.theirs("judge", str(out / "masks"))
        result.write_text(json.dumps({"cost": cost, "dice": dice}))
        print(f"{out.name}: Dice {np.nanmean(list(dice.values())):.3f}", flush=True)
    content = json.loads(result.read_text())
    return Run(content["cost"], content["dice"])


def tell(iterations: int, runs: Mapping[str, Sequence[Run]]) -> None:
    """Print a line for each engine, and what ours has over theirs, over seeds and over subjects."""
    print(f"\n{iterations} iterations; Dice of test scans, mean over subjects and seeds (95 % over seeds)")
    for engine, some in runs.items():
        of_seeds = [float(np.nanmean(list(run.dice.values()))) for run in some]
        costs = {name: np.mean([run.cost[name] for run in some]) for name in some[0].cost}
        each = ", ".join(f"{value:.3f}" for value in of_seeds)
        print(f"  {engine:<7} {_shown(estimate(of_seeds))}   seeds: {each}")
        print(
            f"          CPU seconds: {costs['train_cpu_s']:.0f} to train, {costs['predict_cpu_s']:.0f} to predict; "
            f"peak memory {costs['peak_gb']:.2f} GB"
        )
    if {"ours", "theirs"} <= set(runs):
        gains = by_subject(runs["ours"]) - by_subject(runs["theirs"])
        print(f"  ours - theirs, over {gains.size} subjects: {_shown(estimate(gains))}")


def mean_dice(runs: Sequence[Run]) -> float:
    """Over subjects and seeds."""
    return float(np.nanmean([list(run.dice.values()) for run in runs]))


def by_subject(runs: Sequence[Run]) -> NDArray[np.float64]:
    """The mean over seeds of each subject's Dice, by name."""
    return np.array([np.mean([run.dice[name] for run in runs]) for name in sorted(runs[0].dice)])


def _shown(found: Estimate) -> str:
    interval = f" ({found.interval.low:.3f} to {found.interval.high:.3f})" if found.interval else ""
    return f"{found.mean:.3f}{interval}"


if __name__ == "__main__":
    main()
