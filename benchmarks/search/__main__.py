"""`python -m benchmarks.search`: epochs that TPE needs for its final best, relative to those that a study needs.

Learning curves of real trainings were recorded once, of settings that fill the search space `gradual`. Searches are
replayed on them through the study's own tuner (`replay.py`); a regression answers what was not recorded, and its error
is printed. Searches have the same number of epochs to spend, and are repeated with other seeds.

- `python -m benchmarks.search` replays, prints a table and draws `docs/search.svg`.
- `python -m benchmarks.search record --work DIR` trains what is to be recorded; run again, it goes on where it was.
  `key=value` arguments are settings of the study, such as `cohort.phantom.subjects_per_center=30`.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.search.curves import Recording
from benchmarks.search.figure import draw, epochs_to, mean_regret
from benchmarks.search.methods import DEFAULT, FIFO, methods
from benchmarks.search.replay import Progress, replay_file
from benchmarks.search.surrogate import Surrogate

DATA = Path(__file__).parent / "curves.json.gz"
FIGURE = Path(__file__).parents[2] / "docs" / "search.svg"


def main(arguments: Sequence[str] | None = None) -> None:
    """Record or replay."""
    given = _parser().parse_intermixed_args(arguments)
    if given.command == "record":
        from benchmarks.search.recording import record

        recording = record(given.work, given.settings, given.points, given.processes)
        for part in given.join:
            recording = recording.joined(Recording.read(part))
        recording.write(given.data)
        print(f"{given.data}: {len(recording.curves)} trainings, {given.data.stat().st_size / 1000:.0f} kB")
        return
    if not given.data.exists():
        raise SystemExit(
            f"{given.data}: not recorded yet; run python -m benchmarks.search record --work DIR first"
        )
    _replay(given)


def _replay(given: argparse.Namespace) -> None:
    recording = Recording.read(given.data)
    surrogate = Surrogate(recording)
    _tell(recording, surrogate)
    epochs = given.trainings * recording.epochs[-1]
    grid = np.arange(0.0, epochs + 1.0)
    optimum = surrogate.optimum
    os.environ["OMP_NUM_THREADS"] = "1"
    curves = {}
    with ProcessPoolExecutor(given.processes, multiprocessing.get_context("spawn")) as pool:
        for name, settings in methods(surrogate).items():
            run = partial(replay_file, given.data, settings, epochs=epochs, workers=given.workers)
            runs = list(pool.map(run, range(given.seeds)))
            curves[name] = mean_regret(runs, optimum, grid)
            print(_line(name, curves[name], runs), flush=True)
    draw(curves, grid, given.figure)
    fifo = epochs_to(curves[FIFO], float(curves[FIFO][-1]), grid)
    ours = epochs_to(curves[DEFAULT], float(curves[FIFO][-1]), grid)
    measured_on = {
        "trainings": len(recording.curves),
        "seeds": given.seeds,
        "rank_correlation": {
            clock: round(error.rank_correlation, 2) for clock, error in surrogate.errors.items()
        },
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    print(json.dumps({"ratio": fifo / ours if math.isfinite(ours) else 0.0, "measured_on": measured_on}))


def _tell(recording: Recording, surrogate: Surrogate) -> None:
    print(
        f"{len(recording.curves)} recorded trainings of {recording.epochs[-1]} epochs ({' '.join(recording.settings)})"
    )
    print(f"  final values of one setting lie {surrogate.noise:.3f} apart (standard deviation)")
    for clock, error in surrogate.errors.items():
        early = ", ".join(
            f"{correlation:.2f} after {epoch} epochs"
            for epoch, correlation in zip(recording.epochs, error.early, strict=True)
        )
        print(
            f"  clock={clock}: left out, the regression's final values have a rank correlation of "
            f"{error.rank_correlation:.2f} with the recorded ones; error {error.rmse:.3f}, spread {error.spread:.3f}. "
            f"Validation's: {early}"
        )


def _line(name: str, regret: np.ndarray, runs: Sequence[Progress]) -> str:
    at = [f"{regret[round(share * (len(regret) - 1))]:.4f}" for share in (0.25, 0.5, 1.0)]
    trials, stopped = (float(np.mean([getattr(run, what) for run in runs])) for what in ("trials", "stopped"))
    return (
        f"{name:<26} regret after a quarter, a half and all of the epochs: {', '.join(at)}; "
        f"{trials:.0f} trials, {stopped:.0f} of them stopped"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.search", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("command", nargs="?", choices=("replay", "record"), default="replay")
    parser.add_argument("settings", nargs="*", help="of the recorded study")
    parser.add_argument("--data", type=Path, default=DATA, help="file of the recorded curves")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="at a time, one core each")
    recording = parser.add_argument_group("record")
    recording.add_argument("--work", type=Path, help="folder of the trainings")
    recording.add_argument("--points", type=int, default=128, help="settings, each trained with both clocks")
    recording.add_argument(
        "--join",
        type=Path,
        action="append",
        default=[],
        help="recording of a part of the space, which is added",
    )
    replaying = parser.add_argument_group("replay")
    replaying.add_argument("--seeds", type=int, default=16, help="searches of each kind")
    replaying.add_argument(
        "--trainings", type=int, default=40, help="whole trainings whose epochs may be spent"
    )
    replaying.add_argument("--workers", type=int, default=2, help="trials at a time")
    replaying.add_argument("--figure", type=Path, default=FIGURE, help="file of the picture")
    return parser


if __name__ == "__main__":
    main()
