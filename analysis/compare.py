"""`python -m analysis.compare gradual=studies/gradual none=studies/none`: two studies' winners on the same subjects."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from analysis.labelled import LABELS, LabelledStudies
from study.commandline import Command, Given, run_command, say
from study.commandline.place import GivenPath
from study.errors import ConfigError


class Arguments(LabelledStudies):
    """Keys of the command itself; all others are labels of sides."""

    out: GivenPath | None = Field(None, description="a picture of the comparison (PNG)")


COMMAND = Command(
    "analysis.compare",
    Arguments,
    details="""\
Several runs of one side (other seeds) are a list: 'gradual=[studies/g0, studies/g1]'. Each subject then counts with its
mean over the runs, and with two or more runs of each side, the interval of the difference includes the noise of seeds.
Averages are those of the first study (evaluation.average).""",
    others=LABELS,
)


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    COMMAND.run(arguments, _compare)


def _compare(given: Given[Arguments]) -> None:
    if len(labels := given.own.labels) != 2:
        raise ConfigError([f"two sides are compared, each LABEL=folder; got {', '.join(labels) or 'none'}"])
    import pandas as pd

    from analysis.comparison import compare, comparison_table, figure_of
    from analysis.computed import computed_notes, with_notes
    from analysis.method import Method
    from analysis.mirrored import mirrored_name
    from analysis.rendering import to_markdown
    from study.records import Ranking

    studies = given.own.studies()
    config = studies[labels[0]][0].config.read()
    method = Method.of(config.evaluation, config.study.seed)
    rows = {label: [Ranking(folder).winning_rows() for folder in runs] for label, runs in studies.items()}
    sides = {mirrored_name(label, pd.concat(runs)): runs for label, runs in rows.items()}
    names = tuple(sides)
    contrasts = compare(sides, method)
    notes = [note for name, runs in sides.items() for note in computed_notes(runs[0], name)]
    [table] = with_notes([comparison_table(contrasts, names, method)], tuple(notes))
    say(to_markdown(table))
    if given.own.out is not None:
        figure_of(contrasts, names).savefig(given.own.out, dpi=150)


if __name__ == "__main__":
    run_command(main)
