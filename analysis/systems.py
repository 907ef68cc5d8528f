"""`python -m analysis.systems AttLLSTM=studies/slices by=model.slices`: many systems side by side, by occlusion.

Each label names a finished study and stands for its winner. With `by=` it stands for the best complete trial (by the
objective, on validation subjects) of each value of a searched setting, or of each combination of several settings
joined by commas: `by=model.name,model.recurrent.kind`. Several runs of one system (other seeds) are folders joined by
commas; each subject then counts with its mean over the runs.

Test subjects in whom one sequence stands in for another (cohort.modality_aliases) have a second table of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.tables import occlusion_table
from analysis.text import OCCLUSION_NOTE, to_markdown
from study.commandline import parse_pairs, run_command
from study.errors import ConfigError
from study.records import Ranking, StudyFolder

if TYPE_CHECKING:
    import pandas as pd

SYSTEM = "system"
RESAMPLES = 10_000
LEGAL = {"by": "searched settings whose values are compared, joined by commas"}


def main(arguments: Sequence[str]) -> None:
    """The command; see the top of this file."""
    if not arguments or "--help" in arguments or "-h" in arguments:
        sys.stdout.write(f"{__doc__}\n  by=model.slices  {LEGAL['by']}\n")
        return
    sides = parse_pairs(arguments, LEGAL, others=True)
    paths = [path for path in sides.pop("by", "").split(",") if path]
    if not sides:
        raise ConfigError(["no study is given; name one as LABEL=folder"])
    rankings = {
        label: [Ranking(StudyFolder.find(Path(path).parent, Path(path).name)) for path in joined.split(",")]
        for label, joined in sides.items()
    }
    sys.stdout.write(describe(rows_of_systems(rankings, paths), RESAMPLES, 0) + "\n")


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
    parts = [OCCLUSION_NOTE, _table(rows, resamples, seed)]
    for stand_in in sorted(set(rows["substituted"]) - {""}):
        title = f"Test subjects with {stand_in.replace('+', ', ')} (what stands in for what):"
        parts += [title, _table(rows[rows["substituted"] == stand_in], resamples, seed)]
    return "\n\n".join(parts)


def _table(rows: pd.DataFrame, resamples: int, seed: int) -> str:
    import pandas as pd

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
    if not paths:
        return
    searched = ranking.searched_settings()
    if unknown := [path for path in paths if path not in searched]:
        there = ", ".join(sorted(searched)) or "nothing"
        raise ConfigError(
            [f"by: no trial of {ranking.folder.path} searched {', '.join(unknown)}; searched are {there}"]
        )


if __name__ == "__main__":
    run_command(main)
