"""`python -m analysis.systems AttLLSTM=studies/slices by=model.slices`: many systems side by side, by occlusion."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from analysis.labelled import LABELS, LabelledStudies
from study.commandline import Command, Given, run_command, say
from study.errors import ConfigError


class Arguments(LabelledStudies):
    """Keys of the command itself; all others are labels of systems."""

    by: tuple[str, ...] = Field((), description="searched settings whose values are compared")


COMMAND = Command(
    "analysis.systems",
    Arguments,
    details="""\
Each label names a finished study and stands for its winner. With by=… it stands for the best complete trial (by the
objective, on validation subjects) of each value of a searched setting, or of each combination of several settings:
'by=[model.name, model.recurrent.kind]'. Several runs of one system (other seeds) are a list of folders; each subject
then counts with its mean over the runs.

A second table has the difference of each system to the first one, paired by subject, with its interval and p.

Test subjects in whom one sequence stands in for another (cohort.modality_aliases) have a second table of their own.""",
    others=LABELS,
)


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    COMMAND.run(arguments, _compare)


def _compare(given: Given[Arguments]) -> None:
    if not given.own.labels:
        raise ConfigError(["no study is given; name one as LABEL=folder"])
    from analysis.method import Method
    from analysis.rendering import to_markdown, without_repeats
    from analysis.system_tables import rows_of_systems, system_tables
    from study.records import Ranking

    rankings = {label: [Ranking(folder) for folder in runs] for label, runs in given.own.studies().items()}
    config = next(iter(rankings.values()))[0].folder.config.read()
    rows = rows_of_systems(rankings, given.own.by)
    tables = system_tables(rows, Method.of(config.evaluation, config.study.seed))
    say("\n\n".join(map(to_markdown, without_repeats(tables))))


if __name__ == "__main__":
    run_command(main)
