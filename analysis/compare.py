"""`python -m analysis.compare gradual=studies/gradual none=studies/none`: two studies' winners on the same subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from analysis.labelled import LABELS, LabelledStudies
from study.commandline import Command, Given, run_command, say
from study.commandline.place import GivenPath
from study.errors import ConfigError, StudyError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from analysis.significance import Interval
    from study.records import StudyFolder

RESAMPLES = 10_000


class Arguments(LabelledStudies):
    """Keys of the command itself; all others are labels of sides."""

    out: GivenPath | None = Field(None, description="a picture of the comparison (PNG)")


COMMAND = Command(
    "analysis.compare",
    Arguments,
    details="""\
Several runs of one side (other seeds) are a list: 'gradual=[studies/g0, studies/g1]'. Each subject then counts with its
mean over the runs. Intervals are over subjects; they do not include the spread between seeds, which is shown run by
run.""",
    others=LABELS,
)
COLORS = ("#D55E00", "#666666")


@dataclass(frozen=True)
class Comparison:
    """One group of test subjects under one availability subset, on both sides.

    Attributes:
        group: the subjects and the modalities that they are given, in words.
        runs: mean Dice of each run, by side.
        means: mean Dice over subjects with its interval, by side.
        difference: first side minus second, paired by subject.
    """

    group: str
    runs: Mapping[str, tuple[float, ...]]
    means: Mapping[str, Interval]
    difference: Interval


def compare(sides: Mapping[str, Sequence[pd.DataFrame]]) -> list[Comparison]:
    """Compare two sides group by group, and by occlusion where it is known; each side has a table of rows per run.

    Raises:
        StudyError: the sides have no test subject in common.
    """
    import pandas as pd

    pooled = {name: pd.concat(tables) for name, tables in sides.items()}
    some = next(iter(pooled.values()))
    groups = some[["seen", "removed"]].drop_duplicates().sort_values(["seen", "removed"])
    compared = [
        _compare_group(sides, pooled, bool(seen), str(removed), occlusion)
        for seen, removed in groups.to_numpy()
        for occlusion in ("", "proximal", "distal")
        if not occlusion or (_part(some, seen, removed)["occlusion"] == occlusion).any()
    ]
    found = [each for each in compared if each.difference.n]
    if not found:
        raise StudyError(
            f"{' and '.join(sides)} have no test subject in common; compare studies with the same cohort and splits"
        )
    return found


def _part(table: pd.DataFrame, seen: bool, removed: str, occlusion: str = "") -> pd.DataFrame:
    """The rows of one group; of all occlusions where none is named."""
    part = table[(table["seen"] == seen) & (table["removed"] == removed)]
    return part[part["occlusion"] == occlusion] if occlusion else part


def _compare_group(
    sides: Mapping[str, Sequence[pd.DataFrame]],
    pooled: Mapping[str, pd.DataFrame],
    seen: bool,
    removed: str,
    occlusion: str,
) -> Comparison:
    from analysis.significance import bootstrap_mean, paired_difference

    def part(table: pd.DataFrame) -> pd.DataFrame:
        return _part(table, seen, removed, occlusion)

    by_subject = {
        name: part(table).groupby(["subject", "removed"])[["dice"]].mean().reset_index()
        for name, table in pooled.items()
    }
    first, second = by_subject.values()
    return Comparison(
        group=", ".join(
            [
                f"{'seen' if seen else 'unseen'} centers",
                *([f"{occlusion} occlusions"] if occlusion else []),
                f"without {removed}" if removed else "with all they have",
            ]
        ),
        runs={
            name: tuple(float(part(table)["dice"].mean()) for table in runs) for name, runs in sides.items()
        },
        means={
            name: bootstrap_mean(table["dice"].to_numpy(), RESAMPLES, 0) for name, table in by_subject.items()
        },
        difference=paired_difference(first, second, RESAMPLES, 0),
    )


def to_markdown(comparisons: Sequence[Comparison]) -> str:
    """The comparison as a Markdown table."""
    names = list(comparisons[0].means)
    header = [
        "test subjects",
        "n",
        *names,
        f"{names[0]} − {names[1]} (95 %)",
        *(f"runs of {name}" for name in names),
    ]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for each in comparisons:
        cells = [each.group, str(each.difference.n), *(_shown(each.means[name]) for name in names)]
        cells += [_shown(each.difference, signed=True)]
        cells += [" ".join(f"{value:.3f}" for value in each.runs[name]) for name in names]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figure_of(comparisons: Sequence[Comparison]) -> Figure:
    """Dice of both sides by group: the mean with its interval, and each run as a tick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 0.9 + 0.75 * len(comparisons)), layout="constrained")
    axes = figure.subplots()
    for row, each in enumerate(comparisons):
        for side, (name, mean) in enumerate(each.means.items()):
            at = row + (0.16 if side else -0.16)
            label = name if row == 0 else None
            axes.plot([mean.low, mean.high], [at, at], color=COLORS[side], linewidth=2.5, alpha=0.5)
            axes.plot([mean.mean], [at], "o", color=COLORS[side], markersize=7, label=label)
            axes.plot(each.runs[name], [at] * len(each.runs[name]), "|", color=COLORS[side], markersize=9)
    axes.set_yticks(
        range(len(comparisons)), [f"{each.group} (n = {each.difference.n})" for each in comparisons]
    )
    axes.set_ylim(len(comparisons) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("Dice: mean, 95 % interval, single runs (ticks)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.grid(axis="x", alpha=0.25, linewidth=0.6)
    axes.legend(frameon=False, loc="lower right")
    return figure


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    COMMAND.run(arguments, _compare)


def _compare(given: Given[Arguments]) -> None:
    if len(labels := given.own.labels) != 2:
        raise ConfigError([f"two sides are compared, each LABEL=folder; got {', '.join(labels) or 'none'}"])
    sides = {name: [_winner_rows(folder) for folder in runs] for name, runs in given.own.studies().items()}
    comparisons = compare(sides)
    say(to_markdown(comparisons))
    if given.own.out is not None:
        figure_of(comparisons).savefig(given.own.out, dpi=150)


def _winner_rows(folder: StudyFolder) -> pd.DataFrame:
    from study.records import Ranking

    rows = Ranking(folder).winning_rows()
    return rows[rows["split"] == "test"]


def _shown(interval: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{interval.mean:{sign}.3f} ({interval.low:{sign}.3f} to {interval.high:{sign}.3f})"


if __name__ == "__main__":
    run_command(main)
