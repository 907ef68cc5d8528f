"""`python -m analysis.systems AttLLSTM=studies/slices by=model.slices`: many systems side by side, by occlusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from analysis.labelled import LABELS, LabelledStudies
from study.commandline import Command, Given, run_command, say
from study.config.nearest import did_you_mean
from study.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from study.records import Ranking

SYSTEM = "system"
RESAMPLES = 10_000


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

Test subjects in whom one sequence stands in for another (cohort.modality_aliases) have a second table of their own.""",
    others=LABELS,
)


def main(arguments: Sequence[str]) -> None:
    """The command; see `--help`."""
    COMMAND.run(arguments, _compare)


def _compare(given: Given[Arguments]) -> None:
    if not given.own.labels:
        raise ConfigError(["no study is given; name one as LABEL=folder"])
    from study.records import Ranking

    rankings = {label: [Ranking(folder) for folder in runs] for label, runs in given.own.studies().items()}
    say(describe(rows_of_systems(rankings, given.own.by), RESAMPLES, 0))


def rows_of_systems(rankings: Mapping[str, Sequence[Ranking]], paths: Sequence[str] = ()) -> pd.DataFrame:
    """The rows of each system's best trial, with the system's name in the column `system`.

    Args:
        rankings: label to the studies that are runs of the same system; an empty label is not shown.
        paths: searched settings, by dotted path; without any, the winners are compared.

    Raises:
        ConfigError: no trial of a study searched one of the settings.
        StudyError: no trial of a study is complete.
    """
    import pandas as pd

    tables = []
    for label, runs in rankings.items():
        for ranking in runs:
            _check_searched(ranking, paths)
            for values, trial in sorted(ranking.best(paths).items(), key=lambda entry: entry[1].number):
                tables.append(trial.rows.read().assign(**{SYSTEM: _name(label, paths, values)}))
    return pd.concat(tables, ignore_index=True)


def describe(rows: pd.DataFrame, resamples: int, seed: int) -> str:
    """The tables of `rows_of_systems` as Markdown, systems in the order of the rows."""
    from analysis.text import OCCLUSION_NOTE

    parts = [OCCLUSION_NOTE, _table(rows, resamples, seed)]
    for stand_in in sorted(set(rows["substituted"]) - {""}):
        title = f"Test subjects with {stand_in.replace('+', ', ')} (what stands in for what):"
        parts += [title, _table(rows[rows["substituted"] == stand_in], resamples, seed)]
    return "\n\n".join(parts)


def _table(rows: pd.DataFrame, resamples: int, seed: int) -> str:
    import pandas as pd

    from analysis.tables import occlusion_table
    from analysis.text import to_markdown

    names = list(dict.fromkeys(rows[SYSTEM]))
    ordered = rows.assign(**{SYSTEM: pd.Categorical(rows[SYSTEM], names, ordered=True)})
    return to_markdown(occlusion_table(ordered, resamples, seed, by=SYSTEM))


def _name(label: str, paths: Sequence[str], values: Sequence[object]) -> str:
    values_shown = [
        f"{path.rpartition('.')[2]}={value}"
        for path, value in zip(paths, values, strict=True)
        if value is not None
    ]
    return ", ".join([*([label] if label else []), *values_shown])


def _check_searched(ranking: Ranking, paths: Sequence[str]) -> None:
    searched = sorted(ranking.searched_settings()) if paths else []
    for path in paths:
        if path not in searched:
            near = did_you_mean(path, searched) or f"; searched are {', '.join(searched) or 'no settings'}"
            raise ConfigError([f"by: no trial of {ranking.folder.path} searched {path}{near}"])


if __name__ == "__main__":
    run_command(main)
