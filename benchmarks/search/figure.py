"""Simple regret against epochs: means over searches with other seeds, and the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.search.replay import Progress

__all__ = ["draw", "epochs_to", "mean_regret"]


def mean_regret(runs: Sequence[Progress], optimum: float, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the winner lies below the optimum after so many epochs, the mean over runs [grid].

    nan until a trial of each run is complete.
    """
    rows = []
    for run in runs:
        at = np.searchsorted(run.epochs, grid, side="right") - 1
        worth = np.array([*run.worth, np.nan])  # before the first one
        rows.append(optimum - worth[at])
    return np.asarray(np.mean(rows, axis=0))


def epochs_to(regret: NDArray[np.float64], goal: float, grid: NDArray[np.float64]) -> float:
    """The first number of epochs from which a mean regret is at most a goal; infinite if it never is."""
    reached = np.flatnonzero(regret <= goal + 1e-12)
    return float(grid[reached[0]]) if reached.size else float("inf")


def draw(curves: Mapping[str, NDArray[np.float64]], grid: NDArray[np.float64], path: Path) -> None:
    """Draw the mean regret of each search."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for nth, (name, regret) in enumerate(curves.items()):
        axes.step(
            grid, regret, where="post", label=name, linestyle=("-", "--", ":")[nth // 4 % 3], linewidth=1.6
        )
    axes.set_yscale("log")
    axes.set_xlabel("epochs trained, all trials together")
    axes.set_ylabel("simple regret of the winner (Dice)")
    axes.legend(frameon=False, fontsize="small", ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    with mpl.rc_context({"svg.hashsalt": "search"}):
        figure.savefig(path, metadata={"Date": None})
